#include "launcher/fail.h"

#include <errno.h>

#include "system/baresyscall.h"

enum { EXIT_TEMPORARY = 111 };

struct text command_name;

_Noreturn void fail(const char *what, const char *path, long error, const char *advice)
{
  static const struct {
    int number;
    const char *text;
  } texts[] = {
    { ENOENT,       "file does not exist"    },
    { EACCES,       "access denied"          },
    { ENOTDIR,      "not a directory"        },
    { ELOOP,        "symbolic link loop"     },
    { ENAMETOOLONG, "file name too long"     },
    { E2BIG,        "argument list too long" },
    { ENOMEM,       "out of memory"          },
    { ENOEXEC,      "exec format error"      },
    { EAGAIN,       "temporary failure"      }
  };
  static struct text line;
  size_t i;

  put(&line, command_name.at);
  put(&line, ": fatal: ");
  put(&line, what);
  put(&line, path);
  for (i = 0; i < sizeof texts / sizeof *texts; ++i)
    if (-error == texts[i].number) {
      put(&line, ": ");
      put(&line, texts[i].text);
    }
  put(&line, advice);
  put_character(&line, '\n');
  usys_bare(SYS_write, 2, (long)(intptr_t)line.at, (long)line.length, 0);
  for (;;)
    usys_bare(SYS_exit_group, EXIT_TEMPORARY, 0, 0, 0);
}

void check_length(const struct text *path)
{
  if (path->is_cut)
    fail("unable to use ", path->at, -ENAMETOOLONG, "");
}
