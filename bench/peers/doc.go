// Package peers runs the other side of every end-to-end test and measurement: real FTP
// servers (vsftpd, ProFTPD, Pure-FTPd) and a scripted one that misbehaves on demand, real
// clients (curl, lftp, Python's ftplib) and a raw control connection, and the gateway itself
// as a child process. And a Redis that is stopped, killed, frozen and emptied on demand.
//
// Everything started here listens on loopback with a free port, lives in its own temporary
// directory, leads its own process group and is stopped by process id when the test ends,
// also when it fails. Nothing is stopped by name.
//
// With Options.TLS a server speaks TLS with a certificate of package certs: explicit or, vsftpd and
// ProFTPD, implicit; TLS 1.2, 1.3 or both; as an offer, for logins, or for data too; with or without the
// demand that data connections resume the control connection's session (vsftpd's and ProFTPD's default;
// Pure-FTPd has none); with or without client certificates. What a server cannot do is ErrUnsupported.
// Control speaks TLS too (Secure, DialImplicit, Protect), and so do curl and lftp (TrustCurl, TrustLFTP).
//
// The programs come from .ci/peers, which unpacks them side by side into a cache; Locate
// tells where.
package peers
