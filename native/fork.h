// What a child made by fork() without exec must not do: use the handles of its parent, or keep
// their descriptors, whose open file descriptions carry the parent's locks.
#pragma once

namespace coppice {

// Registers the child's handler; called by every environment that loads the addon.
void watchForks();

// Whether this process was forked, without exec, from one that had loaded the addon.
bool forkedChild();

// Owner of one descriptor, O_CLOEXEC as all are, which is closed in a forked child at once.
class Descriptor {
 public:
  explicit Descriptor(int number);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace coppice
