-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 JCL.SAMPLE
drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 LOADS
drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 ALICE.PDSE
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 DDIR.D
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 OLD.DATA
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 TAPE.X#1
drwxr-xr-x   1 ftp      ftp             0 Jan  1  1970 PROJECTS
-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 'SYS1.PARMLIB'
