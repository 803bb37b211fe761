#!/bin/sh
# Builds the addon under AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of the project,
# and runs test/native with it. Arguments go to vitest. NODE_GYP and NODE_GYP_FLAGS can name
# another node-gyp, and its flags (--nodedir=...).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

for name in binding.gyp native package.json scripts src test tsconfig.json \
  tsconfig.build.json vitest.config.ts; do
  cp -R "$root/$name" "$copy/$name"
done
ln -s "$root/node_modules" "$copy/node_modules"
cd "$copy"

gyp=${NODE_GYP:-$(npm root -g 2>/dev/null)/npm/node_modules/node-gyp/bin/node-gyp.js}
flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1'
CXXFLAGS=$flags LDFLAGS='-fsanitize=address,undefined' \
  node "$gyp" rebuild -j max ${NODE_GYP_FLAGS:-} --loglevel=error

nm -D build/Release/coppice.node | grep -q __asan_report || {
  echo 'the addon was built without AddressSanitizer' >&2
  exit 1
}

# The runtime must come first in the process, before node itself. Node frees little at its exit, so
# leaks are not looked for; SIGBUS is ours to handle.
runtime=$(${CXX:-g++} -print-file-name=libasan.so)
export LD_PRELOAD="$runtime"
export ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0:allow_user_segv_handler=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export COPPICE_SANITIZED=1
node node_modules/vitest/vitest.mjs run test/native "$@"
