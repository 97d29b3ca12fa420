package config

import "slices"

// The SSH algorithms whose names are known, in the default order of
// preference; those after "more" are used only if a directive names them.
// The lists are ProFTPD's; which of them the gateway can really speak is
// decided where it speaks SSH.

var offeredCiphers = []string{
	"chacha20-poly1305@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr",
	"aes256-gcm@openssh.com", "aes128-gcm@openssh.com",
	"aes256-cbc", "aes192-cbc", "aes128-cbc", "cast128-cbc", "3des-ctr", "3des-cbc",
}

var moreCiphers = []string{"blowfish-ctr", "blowfish-cbc", "arcfour256", "arcfour128", "none"}

var offeredDigests = []string{
	"hmac-sha2-256", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512", "hmac-sha2-512-etm@openssh.com",
	"hmac-sha1", "hmac-sha1-etm@openssh.com", "hmac-sha1-96", "hmac-sha1-96-etm@openssh.com",
	"umac-64@openssh.com", "umac-64-etm@openssh.com", "umac-128@openssh.com", "umac-128-etm@openssh.com",
}

var moreDigests = []string{
	"hmac-md5", "hmac-md5-etm@openssh.com", "hmac-md5-96", "hmac-md5-96-etm@openssh.com", "hmac-ripemd160", "none",
}

var offeredKeyExchanges = []string{
	"mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
	"curve448-sha512", "curve25519-sha256", "curve25519-sha256@libssh.org",
	"ecdh-sha2-nistp521", "ecdh-sha2-nistp384", "ecdh-sha2-nistp256",
	"diffie-hellman-group18-sha512", "diffie-hellman-group16-sha512", "diffie-hellman-group14-sha256",
	"diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1",
	"diffie-hellman-group14-sha1", "rsa1024-sha1",
}

var moreKeyExchanges = []string{"diffie-hellman-group1-sha1"}

var hostKeyAlgorithms = []string{
	"ssh-ed448", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-dss",
}

var moreHostKeyAlgorithms = []string{
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
}

// algorithms reads a list that replaces the default one, order kept. kind
// names it in the message about an unknown name.
func algorithms(kind string, offered, more []string, field func(*Settings) *[]string) parser {
	return func(c *call) effect {
		if !c.need(1) {
			return effect{}
		}
		var list []string
		for _, a := range c.args {
			if !slices.Contains(offered, a.Text) && !slices.Contains(more, a.Text) {
				c.errorf(a.Pos, "unsupported %s algorithm: %s%s", kind, a.Text, nearestOf(a.Text, slices.Concat(offered, more)))
				continue
			}
			if !slices.Contains(list, a.Text) {
				list = append(list, a.Text)
			}
		}
		return set(func(s *Settings) { *field(s) = list })
	}
}

// nearestOf suggests one of some words.
func nearestOf(word string, known []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(word, k, bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
