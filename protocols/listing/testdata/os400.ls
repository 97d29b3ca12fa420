-rw-r--r--   1 BAILEYSE ftp       5263360 Jun 11  1997 BPTFSAVF
drwxr-xr-x   1 QSYS     ftp             0 Feb 23  2000 QOpenSys
-rw-r--r--   1 QPGMR    ftp      16347136 Jun 29  2013 RPGUNIT.SAVF
drwxr-xr-x   1 QPGMR    ftp             0 Jun 22  2013 RPGUNITC1.FILE
-rw-r--r--   1 QPGMR    ftp             0 Jan  1  1970 RUCALLTST.MBR
-rw-r--r--   1 JOE      ftp            12 Dec 31  1999 with blanks; in it.txt
-rw-r--r--   1 ftp      ftp           430 Jun 11  1997 of nobody
drwxr-xr-x   1 JOE      ftp             0 Jun 11  1997 NOSIZE.LIB
