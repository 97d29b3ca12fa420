drwxr-xr-x   1 ftp      ftp             0 Oct 19 13:05 .
drwxr-xr-x   1 ftp      ftp             0 Oct 19 13:05 ..
drwxr-xr-x   1 ftp      ftp             0 Oct 19 13:05 four digits
drwxr-xr-x   1 ftp      ftp             0 Feb  3  2026 data
-rw-r--r--   1 ftp      ftp       1048576 Oct 19 13:05 grouped.bin
drwxr-xr-x   1 ftp      ftp             0 Oct 19 13:05 linked
-rw-r--r--   1 ftp      ftp             0 Oct 19 13:05 link [1].txt
drwxr-xr-x   1 ftp      ftp             0 Oct 19 13:05 narrow
