drwxr-xr-x   1 ftp      ftp             0 Jan 14 12:00 .
dr-xr-xr-x   1 ftp      ftp             0 Jan 14 12:00 ..
-r--r--r--   1 ftp      ftp       1024990 Jan 14 03:33 cap60.pl198
-rw-r-----   1 1000     100             5 Jan  1  2025 a; b=c; d
drwxrwsr-x   1 joe      ftp             0 Feb 29  2024   leading blanks
lrwxrwxrwx   1 ftp      ftp             8 Jan  1  2024 bin -> /usr/bin
lrwxrwxrwx   1 ftp      ftp             0 Jan  1  1970 docs
c---------   1 ftp      ftp             0 Jan  1  1970 null
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 no such month
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 no facts
