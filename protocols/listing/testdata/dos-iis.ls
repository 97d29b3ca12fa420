drwxr-xr-x   1 ftp      ftp             0 Apr 27  2000 licensed
drwxr-xr-x   1 ftp      ftp             0 Jul 18  2000   leading blanks
-rw-r--r--   1 ftp      ftp           589 Apr 14  2000 readme.htm
-rw-r--r--   1 ftp      ftp      1234567890 Nov 30  1969 sixty-nine; and more
-rw-r--r--   1 ftp      ftp             0 Jan  5  2068  one leading blank
-rw-r--r--   1 ftp      ftp            12 Oct 19 13:05 no half of the day
