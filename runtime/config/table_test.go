package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// mustParse lists the directives that must be
// understood, not merely accepted.
var mustParse = strings.Fields(`
ProxyEngine ProxyRole ProxyTables ProxyDatastore ProxyLog ProxyOptions ProxyDataTransferPolicy ProxyDirectoryListPolicy
ProxyForwardEnabled ProxyForwardMethod ProxyForwardTo ProxyRetryCount ProxyReverseConnectPolicy ProxyReverseServers
ProxySourceAddress ProxyTimeoutConnect ProxyTimeoutLinger ProxyTLSEngine ProxyTLSVerifyServer ProxyTLSCACertificateFile
ProxyTLSCACertificatePath ProxyTLSCARevocationFile ProxyTLSCARevocationPath ProxyTLSCertificateFile
ProxyTLSCertificateKeyFile ProxyTLSCipherSuite ProxyTLSProtocol ProxyTLSOptions ProxyTLSPreSharedKey
ProxyTLSTimeoutHandshake ProxyTLSTransferProtectionPolicy ProxySFTPCiphers ProxySFTPDigests ProxySFTPKeyExchanges
ProxySFTPCompression ProxySFTPHostKey ProxySFTPOptions ProxySFTPPassPhraseProvider ProxySFTPServerAlive
ProxySFTPServerMatch ProxySFTPVerifyServer
ServerName ServerType Port DefaultAddress DefaultServer SocketBindTight UseIPv6 User Group PidFile MaxInstances
MaxConnectionRate ServerIdent DisplayConnect DisplayLogin DisplayQuit DeferWelcome ServerAlias TimeoutIdle TimeoutLogin
TimeoutNoTransfer TimeoutStalled TimeoutSession MasqueradeAddress PassivePorts AllowForeignAddress MaxLoginAttempts
MaxClients MaxClientsPerHost MaxClientsPerUser MaxClientsPerClass MaxHostsPerUser MaxConnectionsPerHost AccessGrantMsg
AccessDenyMsg UseReverseDNS IdentLookups RequireValidShell RootLogin UseFtpUsers AuthAliasOnly UserAlias
DefaultTransferMode TransferRate AuthUserFile AuthGroupFile AuthOrder UserPassword AuthPAM AuthPAMConfig From Satisfy
SystemLog ServerLog TransferLog ExtendedLog LogFormat Trace TraceLog TraceOptions
TLSEngine TLSRequired TLSProtocol TLSRSACertificateFile TLSRSACertificateKeyFile TLSECCertificateFile
TLSECCertificateKeyFile TLSCertificateChainFile TLSCipherSuite TLSServerCipherPreference TLSECDHCurve TLSVerifyClient
TLSVerifyDepth TLSVerifyOrder TLSCACertificateFile TLSCACertificatePath TLSCARevocationFile TLSCARevocationPath
TLSOptions TLSSessionCache TLSSessionTickets TLSSessionTicketKeys TLSTimeoutHandshake TLSLog TLSMasqueradeAddress
TLSNextProtocol TLSUserName TLSStapling
SFTPEngine SFTPHostKey SFTPAuthMethods SFTPAuthorizedUserKeys SFTPAuthorizedHostKeys SFTPCiphers SFTPDigests
SFTPKeyExchanges SFTPHostKeys SFTPAuthPublicKeys SFTPCompression SFTPLog SFTPOptions SFTPClientAlive SFTPClientMatch
SFTPDisplayBanner SFTPRekey SFTPMaxChannels SFTPKeyBlacklist SFTPKeyLimits SFTPPassPhraseProvider SFTPTrafficPolicy
SFTPAcceptEnv SFTPExtensions SFTPDHParamFile
RewriteEngine RewriteLog RewriteCondition RewriteRule BanEngine BanTable BanLog BanMessage BanOptions BanOnEvent
SQLBackend SQLEngine SQLConnectInfo SQLNamedConnectInfo SQLNamedQuery RedisEngine RedisServer RedisLog
`)

func TestEveryImportantDirectiveIsParsed(t *testing.T) {
	for _, name := range mustParse {
		row, ok := table[strings.ToLower(name)]
		if !ok {
			t.Errorf("%s is unknown", name)
		} else if row.Effect != EffectRefused && (row.parse == nil || row.Effect == EffectIgnored) {
			t.Errorf("%s is only accepted", name)
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	sentenceEnd := regexp.MustCompile(`[.](\s|$)`)
	for _, d := range table {
		switch {
		case d.Text == "" || !strings.HasSuffix(d.Text, "."):
			t.Errorf("%s: the reference text %q is no sentence", d.Name, d.Text)
		case len(sentenceEnd.FindAllString(d.Text, -1)) > 6:
			t.Errorf("%s: the reference text is too long", d.Name)
		case d.Module == "":
			t.Errorf("%s belongs to no module", d.Name)
		case d.Contexts == 0:
			t.Errorf("%s may stand nowhere", d.Name)
		case (d.Effect == EffectIgnored || d.Effect == EffectRefused) && d.Reason == "":
			t.Errorf("%s is ignored or refused without a reason", d.Name)
		}
	}
}

func TestRowsStandOnce(t *testing.T) {
	seen := map[string]string{}
	for _, theme := range themes {
		for _, d := range theme.rows {
			key := strings.ToLower(d.Name)
			if other, twice := seen[key]; twice {
				t.Errorf("%s stands under %s and %s", d.Name, other, theme.name)
			}
			seen[key] = theme.name
		}
	}
}

func TestActiveNamesAreDirectives(t *testing.T) {
	for _, name := range active {
		if d, ok := Lookup(name); name != limitRow.Name && (!ok || d.Name != name) {
			t.Errorf("active names %q, which is no directive", name)
		}
	}
}

func TestEveryNameOfThePeerIsAccepted(t *testing.T) {
	raw, err := os.ReadFile("names.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(string(raw)) {
		_, list, ok := strings.Cut(line, ".c:")
		if !ok {
			continue
		}
		for name := range strings.FieldsSeq(list) {
			if strings.HasPrefix(name, "<") {
				continue
			}
			names++
			if _, ok := Lookup(name); !ok {
				t.Errorf("%s is unknown", name)
			}
		}
	}
	if names < 400 {
		t.Errorf("only %d names were read", names)
	}
}

// TestNoDirectivePanics feeds every directive with every number of odd
// arguments.
func TestNoDirectivePanics(t *testing.T) {
	odd := []string{"", `""`, "on", "-1", "0", "99999999999999999999", "none", "/", "/pem", "a:b", "!", "[", "[NC]", "agent:",
		"file:", "sql:", "hex:", "%", ",", "+", "::", "1:2:3", "ALL", `"a b"`, "\xff\xfe", "ssl-:", "int:", "RETR"}
	for _, d := range All() {
		if d.Effect == EffectIgnored {
			continue // their arguments are not looked at
		}
		var lines strings.Builder
		for _, a := range odd {
			for n := range 5 {
				lines.WriteString(d.Name + strings.Repeat(" "+a, n) + "\n")
			}
		}
		for _, place := range []string{"%s", "<Global>\n%s</Global>", "<Class c>\n%s</Class>", "<Limit ALL>\n%s</Limit>",
			"<VirtualHost a>\n%s</VirtualHost>", "<IfUser u>\n%s</IfUser>"} {
			loadText(fmt.Sprintf(place, lines.String()), nil)
		}
	}
}

func TestNearest(t *testing.T) {
	for got, want := range map[string]string{
		"ProxyEngin":          "ProxyEngine",
		"PorxyRole":           "ProxyRole",
		"proxyreverseserver":  "ProxyReverseServers",
		"TimoutIdle":          "TimeoutIdle",
		"Completely-Unheard!": "",
	} {
		if near := Nearest(got); near != want {
			t.Errorf("Nearest(%q) = %q, want %q", got, near, want)
		}
	}
}
