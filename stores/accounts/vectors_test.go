package accounts_test

import "github.com/sluice-gateway/sluice/stores/accounts"

// What other programs made. The first group is of crypt(3) of libxcrypt 4.4.33
// with the settings that stand before the keys; the second of `openssl passwd`
// of OpenSSL 3.0; the third of crypt in Python 3.11, with salts of its own.

const (
	short = "secret"
	long  = "a rather long passphrase, longer than any block of any of these hashes, with 100 bytes and some more of them"
	utf8  = "pässwörd€"
)

var vectors = []struct {
	kind     accounts.Kind
	password string
	hash     string
}{
	{accounts.DES, short, `abNANd1rDfiNc`},
	{accounts.DES, "", `abmF1QH4PEr.E`},
	{accounts.DES, long, `abatlYMGbi7GQ`},
	{accounts.DES, utf8, `abzp3RXJm5gNA`},
	{accounts.DES, short, `./17m29LFAflg`},
	{accounts.DES, long, `./AFt2AxHZnGk`},
	{accounts.DES, short, `zZ5x4y8hS4SZE`},
	{accounts.DES, long, `zZ7.NX0dePhnI`},
	{accounts.MD5, short, `$1$saltsalt$9xy1btjgzLYfb7hivXtC//`},
	{accounts.MD5, "", `$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0`},
	{accounts.MD5, long, `$1$saltsalt$18GqR.AX88cQ1VB8uRCIo1`},
	{accounts.MD5, utf8, `$1$saltsalt$5IcLPxa8BhI7obA7Ueerw1`},
	{accounts.MD5, short, `$1$s$g6MVG540q1A9FJTwmPkOH0`},
	{accounts.MD5, long, `$1$s$02TPbFdD038QBqN.mXRZv.`},
	{accounts.SHA256, short, `$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.`},
	{accounts.SHA256, "", `$5$saltstring$FdNfA4gXqvCeO6iZs7G/.wwwoywYZqo0l1pwmfWaBA7`},
	{accounts.SHA256, long, `$5$saltstring$BmHiXXUPFnDX.TcY/fmGfSlCCu3aBruIHzI.3zaTRbC`},
	{accounts.SHA256, utf8, `$5$saltstring$ENKeXLJyiYNDCaJsj5U86/Q2h.Dc9nlyviRn6t.0kyD`},
	{accounts.SHA256, short, `$5$rounds=1000$0123456789abcdef$oUHx2xFtuyubiiCcMGG7UUd1yBfHmGWG5hHZIbG9Fn8`},
	{accounts.SHA256, long, `$5$rounds=1000$0123456789abcdef$BsiBFqTRq/1SUhMhqg0KK0oFkicfip99aie8aUc81L0`},
	{accounts.SHA512, short, `$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.`},
	{accounts.SHA512, "", `$6$saltstring$kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1`},
	{accounts.SHA512, long, `$6$saltstring$IoGCY4tsdpaHHU2aIb.j8BbSFbnjvPVMapT1VDmMsPZ0awM0lW.8SmGnTr5GZJYSTDkrJg1k2iGqbP9kiJWbk0`},
	{accounts.SHA512, utf8, `$6$saltstring$PkXHWm5phY/nuG6Nj7ZfLmEl02xs8W48iMlBxPZcW575N10F57lsVC7uyCPCKKHZIDyOCSIWJhjp9uA3L43ub0`},
	{accounts.SHA512, short, `$6$rounds=5001$0123456789abcdef$wuPB2gGtOE3f8TZm5vcpdD6lfRcuyp7nCxb8txkMJLnDQrZzXUDkBogFlhQntH15X5D8aRK93lOl1SGmlSxEN.`},
	{accounts.SHA512, long, `$6$rounds=5001$0123456789abcdef$AYJcSMg5F/Vsy.IIrJoB586DNOKwx/QWYqsXJwup.0sTp4fMxJ64MgES5rx8J.4KiKTFj/pWexdfZMkD5jmIL.`},
	{accounts.Bcrypt, short, `$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW`},
	{accounts.Bcrypt, "", `$2a$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq`},
	{accounts.Bcrypt, long, `$2a$04$abcdefghijklmnopqrstuuy3TQy54N78PveaNtcWN/j5IAn7.vd1a`},
	{accounts.Bcrypt, utf8, `$2a$04$abcdefghijklmnopqrstuulP40mix1kMuKfwOhZkUR3VAjfP8IpDK`},
	{accounts.Bcrypt, short, `$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a`},
	{accounts.Bcrypt, long, `$2b$05$abcdefghijklmnopqrstuuVtMhmJJGt18mgKALdinkoAvIgNlCUhq`},
	{accounts.Bcrypt, short, `$2y$05$abcdefghijklmnopqrstu.W58xiyElrnNHGgNAxsscfbqyO2F0woW`},
	{accounts.Bcrypt, long, `$2y$05$abcdefghijklmnopqrstu.rFmko6xih595wfGEmQVXDZrYsMs4vEq`},
	{accounts.Yescrypt, short, `$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2`},
	{accounts.Yescrypt, "", `$y$j75$saltsalt$BT/eINL.qJ28Ek8xmIKTrnDwZkROSVFFX9HKxdqaWAD`},
	{accounts.Yescrypt, long, `$y$j75$saltsalt$2gae7bazJWMi962b5NYGb0Ear.UZ/LmiNrUfnOyxCp.`},
	{accounts.Yescrypt, utf8, `$y$j75$saltsalt$PbIfogFBnrC4flxaVIw.lo03NkyDfYP1ioNm2Ujlhn.`},
	{accounts.Yescrypt, short, `$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0`},
	{accounts.Yescrypt, long, `$y$j9T$F5Jx5fExrKuPp53xLKQ..1$xal3F7YsS2OHDj0Nu2A3V6CR9IKnepnE/S5x3o9rQmB`},
	{accounts.Scrypt, short, `$7$8/..../....SodiumChloride$6F2fLmbFNi0rGONw.WP1TkUbqX2KouJMZ7kwYg6LpHC`},
	{accounts.Scrypt, "", `$7$8/..../....SodiumChloride$3I.X1NdGHRIqC8A/wOKbJH8MTBr8gjd9N7oy5v9CfR1`},
	{accounts.Scrypt, long, `$7$8/..../....SodiumChloride$2q3/sGYo518VBK6mA5x7qKwfwgBL5rwGIYtkPK12Ay2`},
	{accounts.Scrypt, utf8, `$7$8/..../....SodiumChloride$F7bLYUn79SZOsX5ER/PgQGBqfTtPoB55QsR/Xe3w1LA`},

	{accounts.SHA512, short, `$6$opensslsalt$RYp6MntZMSU.gp5umToWAut5JOaOhj4BuCIG4bPvwUyU6JcyI1ElKFBvv6sliaewhCILuowLcf.a/6q65AIZ91`},
	{accounts.SHA256, short, `$5$opensslsalt$28YgC4.tAowV13jNxqzLnOO0f1mtdYEDqrNBYLuRao/`},
	{accounts.MD5, short, `$1$openssl$WADKixAsEAmO6GNrWEvsG/`},

	{accounts.SHA512, short, `$6$Na.ZeToTmxxRXt9u$7sTs.TzdBFfAPgYVn1cWWtfr1NQrQy18p7PbFssvnJX957dayQGAH84WKU2lxNaln8922TGwmn9QlAfcLT5Zc/`},
	{accounts.Bcrypt, short, `$2b$05$a5Rwg0d/hi9PgDJXuJxmZeLOEy8X6D7CFALdLibGEXEne6GsBXcGm`},
	{accounts.DES, short, `b3v./NtSlw1YY`},
}
