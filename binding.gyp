{
  "targets": [
    {
      "target_name": "coppice",
      "sources": [
        "native/addon.cc",
        "native/arguments.cc",
        "native/channel.cc",
        "native/checksum.cc",
        "native/commit-thread.cc",
        "native/environment.cc",
        "native/errors.cc",
        "native/external-buffer.cc",
        "native/fault-guard.cc",
        "native/file-io.cc",
        "native/file-jobs.cc",
        "native/file-locks.cc",
        "native/file.cc",
        "native/fork.cc",
        "native/futex.cc",
        "native/job-parser.cc",
        "native/job.cc",
        "native/locks.cc",
        "native/mmap.cc",
        "native/open.cc",
        "native/private-view.cc",
        "native/shared-words.cc",
        "native/system.cc",
        "native/thread.cc",
        "native/word-wait.cc",
        "native/writer-lock.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc": ["-std=c++17"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
        "OTHER_CPLUSPLUSFLAGS": ["-Wall", "-Wextra", "-Werror"]
      }
    }
  ]
}
