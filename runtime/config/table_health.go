package config

// Rows about the health of backends and how they are found. Both directives are
// our own; the peer has neither.

// ownModule stands for directives that no module of the peer has.
const ownModule = "Sluice"

var healthRows = []Directive{
	{Name: "ProxyReverseHealthPolicy", Module: ownModule, Contexts: anyServer, many: true, last: true,
		Syntax: "off | PassiveChecks [failures n] [expires duration] | ActiveChecks connect|banner|login|tls|ssh " +
			"[interval duration] [timeout duration] [rise n] [fall n] [user name] [password-file /path] | AllDown try|refuse | SlowStart duration",
		Default: "PassiveChecks failures 3 expires 30s, AllDown try",
		Text: `When backends are passed over; lines add up. "PassiveChecks failures 2 expires 30s" takes one out for 30 seconds after 2
failed clients in a row, then lets one client at a time find out whether it is back. "ActiveChecks login interval 5s timeout 2s rise 2
fall 3 user probe password-file /etc/sluice/probe.pw" asks by itself: connect does it by TCP, banner waits for the greeting, login
sends USER and PASS, tls and ssh go through the handshake; the file holds the password alone and is for its owner only. "AllDown
refuse" turns clients away while no backend is up, where try takes them all the same; "SlowStart 30s" gives a backend that came back
its whole share in 30 seconds. A line about checks, "off" among them, replaces the default.`,
		parse: parseHealthPolicy},
	{Name: "ProxyDNSServer", Module: ownModule, Contexts: InServer, many: true,
		Syntax: "address[:port] …", Default: "those of /etc/resolv.conf",
		Text: `DNS servers that are asked for the addresses of backends, in this order, instead of the system's; lines add up. Write an IPv6
address with a port in brackets, as in "ProxyDNSServer 192.0.2.53 [2001:db8::53]:5353". The port is 53 unless you write one.`,
		parse: parseDNSServers},
}
