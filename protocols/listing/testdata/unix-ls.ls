drwxr-xr-x   1 ftp      ftp             0 Jan 12 09:15 .
drwxr-xr-x   1 root     root            0 Mar  3  2019 ..
-rw-r--r--   1 ftp      ftp         10240 Jan 14 23:59 README
-rw-r--r--   1 joe      staff     1048576 Dec 24 18:30 last december.tar
-rw-r--r--   1 joe      staff           0 Jan 16 08:00 tomorrow further east
-rw-r--r--   1 joe      staff           7 Feb 29  2024 leap
-rw-r--r--   1 joe      staff          12 Aug 30  2003 a -> b; c=d;.txt
-rw-r--r--   1 joe      staff           5 Aug 30  2003   two leading blanks
-rw-r--r--   1 joe      staff           5 Aug 30  2003 trailing blanks  
lrwxrwxrwx   1 root     root            7 Jan 25  2024 bin -> usr/bin
lrwxrwxrwx   1 root     root           12 Jan 25  2024 docs -> My Documents
lrwxrwxrwx   1 root     root            6 Jan 25  2024 a -> b -> target
lrwxrwxrwx   1 root     root            9 Jan 25  2024 hidden
drwxrwsr-t   1 www-data www-data        0 Jun 30  2025 set ids
-rwSr-xr-x   1 root     root        35488 Jul 20 10:01 setuid
prw-r--r--   1 ftp      ftp             0 Jan  1  2025 fifo
srwxrwxrwx   1 ftp      ftp             0 Jan  1  2025 sock
Drwxrwxrwx   1 root     sys             0 Jan  1  2025 door
----------   1 root     root            1 Jan  1  2025 locked
-rw-r--r--   1 joe      staff           5 Aug 30  2003 back\slash
