drwxr-xr-x   1 root     ftp             0 Apr  8  1994 no group
-rw-r--r--   1 1000     1001          531 Jan 14 03:26 long-iso.txt
-rw-r--r--   1 1000     1001          531 Jan 14 02:26 full-iso.txt
-rw-r--r--   1 root     other         531 Jan 14 03:26 iso recent
-rw-r--r--   1 root     other         531 Dec 31  2019 iso old
-rw-r--r--   1 root     other         531 Jan 14 03:26 bsd.txt
-rw-r--r--   1 root     other         531 Jan 14 00:00 day first
-rw-r--r--   1 CORP\joe ftp           531 Jan 14 03:26 windows group
-rw-r--r--   1 May      Jan             3 Jan 14 03:26 owner is a month
-rw-r--r--   1 a-rather-long-owner a-rather-long-group 123456789012 Jan 14 03:26 wide columns
-rw-r--r--   1 Jan      5            2024 Jan 14 03:26 owner, group and size are a date
crw-rw-rw-   1 root     sys             0 Jan 14 03:26 null
brw-rw----   1 root     disk            0 Jan 14 03:26 sda
drwxr-xr-x   1 ftp      ftp             0 May 10  1996 network
-rw-r--r--   1 ftp      ftp       1392298 Nov 22  1995 MegaPhone.sit
d---------   1 ftp      ftp             0 May  9  2025 Softlib
