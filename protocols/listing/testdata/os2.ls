drwxr-xr-x   1 ftp      ftp             0 Apr 11  1995 .
drwxr-xr-x   1 ftp      ftp             0 Apr 11  1995 ..
drwxr-xr-x   1 ftp      ftp             0 Apr 11  1995 ADDRESS
-rw-r--r--   1 ftp      ftp           612 Jul 28  1995 air_tra1.bag
-rw-r--r--   1 ftp      ftp           195 Aug  8  1995 Alfa1.bag
drwxr-xr-x   1 ftp      ftp             0 Feb 11  2003 later
-rw-r--r--   1 ftp      ftp         36611 Apr 23  2001 a name; with blanks
