dr-xr-xr-x   1 supervisor ftp             0 Jan 14 18:53 login
-rw-r--r--   1 rhesus   ftp        214059 Oct 20 15:27 cx.exe
-r--r--r--   1 10       ftp           857 Feb 23  2000 a; b.log
drwxr-xr-x   1 admin    ftp             0 Dec 31  1999 My Folder
-r--r--r--   1 nobody   ftp             5 Jan 14 18:53 hellsoft
