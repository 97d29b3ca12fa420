-rw-r--r--   1 SYSTEM   ftp          1024 Dec 30 17:44 00README.TXT;1
drwxr-xr-x   1 ANONYMOUS GRP             0 Sep  8  1996 CORE
-rw-r--r--   1 ANONYMOUS ANONYMOU   109056 Jan 29  1996 KA9Q_A_NAME_AS_WIDE_AS_IT_GETS.TXT;12
-rw-r--r--   1 SYSTEM   ftp          2048 Jan 29  1996 NOTES.;3
drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 SECRET
d---------   1 SYSTEM   ftp             0 Jan 29  1996 mixed^_Case
