// Package peers runs the other side of every end-to-end test and measurement: real FTP
// servers (vsftpd, ProFTPD, Pure-FTPd) and a scripted one that misbehaves on demand, real
// clients (curl, lftp, Python's ftplib) and a raw control connection, and the gateway itself
// as a child process.
//
// Everything started here listens on loopback with a free port, lives in its own temporary
// directory, leads its own process group and is stopped by process id when the test ends,
// also when it fails. Nothing is stopped by name.
//
// The programs come from .ci/peers, which unpacks them side by side into a cache; Locate
// tells where.
package peers
