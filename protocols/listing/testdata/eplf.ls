-r--r--r--   1 ftp      ftp           280 Mar  1  1996 djb.html
dr-xr-xr-x   1 ftp      ftp             0 Feb 13  1996 514
-r--r--r--   1 ftp      ftp           612 Feb 13  1996 514.html
-rw-r--r--   1 ftp      ftp            12 Jan 14 12:00   blanks; and, commas
drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 dir with mode
-r--r--r--   1 ftp      ftp             0 Jan  1  1970 tab	inside
----------   1 ftp      ftp             0 Jan  1  1970 nothing told
