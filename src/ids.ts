/**
 * Branded numbers: a page number is no transaction id, and the compiler knows it.
 *
 * Each brand is made by its own function only. The brands vanish at run time.
 */

declare const brand: unique symbol;

/** A page of the file, 0..2^31-1; negative for a dirty page that has no place in the file yet. */
export type PageNumber = number & { readonly [brand]: 'PageNumber' };
/** A transaction, 1..2^48-1, never used twice in the life of a database. */
export type TransactionId = number & { readonly [brand]: 'TransactionId' };
/** A place in a page's directory, 0..count-1. */
export type SlotIndex = number & { readonly [brand]: 'SlotIndex' };
/** Bytes from the start of a segment. */
export type ByteOffset = number & { readonly [brand]: 'ByteOffset' };

export const pageNumber = (n: number): PageNumber => n as PageNumber;
export const transactionId = (n: number): TransactionId => n as TransactionId;
export const slotIndex = (n: number): SlotIndex => n as SlotIndex;
export const byteOffset = (n: number): ByteOffset => n as ByteOffset;

/** No page: the root of an empty tree. Page 0 holds a meta slot and is never pointed to. */
export const NO_PAGE: PageNumber = pageNumber(0);
/** Before the first transaction. */
export const NO_TRANSACTION: TransactionId = transactionId(0);
/** Transaction ids stay below this: they are kept as 48 bits in pointers. */
export const TRANSACTION_LIMIT: number = 2 ** 48;
