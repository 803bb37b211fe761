// Reads, writes and sizes of a file, each done fully or failed: interrupted calls are made again,
// short ones continued. Past RLIMIT_FSIZE they fail with EFBIG: Node ignores SIGXFSZ.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "failure.h"

namespace coppice {

// Writes the pieces one after another from `offset` on. The vectors are used up.
Failure writeFully(int descriptor, struct iovec* pieces, size_t count, uint64_t offset);
Failure writeZeros(int descriptor, uint64_t offset, uint64_t length);

// Lets the disk begin with what was written, and does not wait for it. It promises nothing: a flush
// comes after it, finds less to do, and tells of what failed.
void startWriteback(int descriptor);

// Gives the blocks of a range inside the file back: it reads as zeros then. Where the filesystem has
// no holes nothing is done.
Failure punchHole(int descriptor, uint64_t offset, uint64_t length);

// Short only at the end of the file.
Failure readFully(int descriptor, uint8_t* target, size_t length, uint64_t offset, size_t* read);

// Tells the kernel that what is read through this descriptor, the meta slots, says nothing of what
// will be read next: it read the pages behind each of them too, and marked one, so that to touch
// that page through a mapping loaded as much again. The mapping has a descriptor of its own.
void readWithoutReadAhead(int descriptor);

// The length of the file, and how many names lead to it, when asked. Asks for nothing else: on Linux since 6.13
// whoever asks for the times of a file makes the next write stamp it anew, and the next flush then
// writes the inode too (docs/mmap.md, "The price of asking").
Failure fileExtent(int descriptor, uint64_t* size, uint64_t* links = nullptr);

// Makes the file at least `size` long, with blocks behind what is new where the filesystem can.
Failure growFile(int descriptor, uint64_t size);
Failure truncateFile(int descriptor, uint64_t size);

// The flush of a file that is not mapped.
Failure flushFile(int descriptor);

}  // namespace coppice
