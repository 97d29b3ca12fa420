// Package accounts reads who may come in from files: AuthUserFile and
// AuthGroupFile, the system's passwd, shadow and group, UserPassword, and the
// lists /etc/shells and /etc/ftpusers. It compares passwords with the hashes of
// crypt(5).
//
// Its rules:
//   - A file is checked and read in whole before it counts. When a file changed
//     for the worse, what it said last still counts, and the log says why.
//   - A file that others can write, or a file of hashes that others can read, is
//     not used, unless AuthFileOptions InsecurePerms allows it.
//   - Work is bounded by us, not by the file: its size, and what a hash may cost.
//   - Looking somebody up takes no longer for who exists, and a decoy is there to
//     be verified for who does not.
package accounts
