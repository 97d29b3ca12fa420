-rw-r--r--   1 ftp      ftp            80 Jul 28  1999 ENDTRACE.TCPIP
-rw-r--r--   1 ftp      ftp             0 Jul 28  1999 PROFILE.EXEC
drwxr-xr-x   1 ftp      ftp             0 Jan 14 08:00 PROJECTS
-rw-r--r--   1 ftp      ftp      1099494850560 Dec 31 23:59 LOGFILE.$ARCHIVE
