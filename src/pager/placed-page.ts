/** A dirty page with its place in the file. */
export interface PlacedPage {
  readonly page: number;
  /** The page is bytes[o, o + pageSize). */
  readonly bytes: Uint8Array;
  readonly o: number;
}
