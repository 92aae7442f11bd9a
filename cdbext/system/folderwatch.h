/* Learning that files of a directory are replaced, without looking at it again and again. */
#ifndef USYS_FOLDERWATCH_H
#define USYS_FOLDERWATCH_H

/* Return a descriptor from which events can be read (inotify), non-blocking and
 * closed on exec; or -errno, -ENOSYS where there is no such thing. */
int usys_open_events(void);

/* Watch the directory at a path: files that are renamed into it or removed, and its own
 * end or renaming.
 * Returns the number that its events bear, or -errno. */
int usys_watch_folder(int events, const char *path);

#endif
