package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestSeed runs every example configuration of the reference document: printed as it is in testdata/seed,
// with the changes of its row alone, before real servers and real clients.
func TestSeed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "seed", "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	var names []string
	var all strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".conf")
		names = append(names, name)
		fmt.Fprintf(&all, "%s\n%s", name, read(t, file))
		e, ok := examples[name]
		if !ok {
			e, ok = sshExamples[name]
		}
		if !ok {
			t.Errorf("%s has no row", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e.play(newScene(t, name, e))
		})
	}
	if got := sum([]byte(all.String())); got != asPrinted {
		t.Errorf("the examples are not as they were printed: their sum is %s", got)
	}
	if len(names) != len(examples)+len(sshExamples) {
		t.Errorf("%d files are printed for %d rows", len(names), len(examples)+len(sshExamples))
	}
}

// asPrinted is the sum of all files, so that nobody mends one to have it pass.
const asPrinted = "8ae3a3062df6f5591e57b26e2d51d952273a33b4523eff3be670c2e4b736a4c2"

// examples has a row for each file.
var examples = map[string]example{
	"01-datastore-redis": {changes: []change{
		{"    ...\n", "    ProxyEngine on\n    ProxyRole reverse\n    ProxyTables {dir}/proxy\n" +
			"    ProxyReverseServers ftp://ftp-backend1.example.com:2121 ftp://ftp-backend2.example.com:2121\n", "the ellipsis stands for the proxy itself"},
		{"<IfModule mod_redis.c>\n", "<IfModule mod_redis.c>\n      RedisEngine on\n      RedisServer {redis}\n", "a Redis of the test's own"},
	}, play: playRedis},
	"02-class-forward-proxy":    {play: playClass},
	"03-forward-to":             {play: playForwardTo},
	"04-options-proxy-protocol": {play: playProxyProtocol},
	"05-servers":                {changes: []change{literal, mapped}, play: playServers},
	"06-servers-srv-txt":        {changes: []change{{"  ftp+", "  ProxyReverseServers ftp+", "URLs, which the text has as values of this directive"}}, play: playDNS},
	"07-servers-json":           {changes: []change{{"/path/to/", "{dir}/lists/", "a folder of the test's own"}}, play: playJSON},
	"08-servers-sql":            {changes: []change{queried}, play: playSQL},
	"14-timeout-connect":        {play: playTimeout},
	"15-tls-ca-file":            {changes: []change{trusted}, play: playCAFile},
	"16-tls-ca-path":            {changes: []change{trusted}, play: playCAPath},
	"17-tls-crl-file":           {changes: []change{trusted}, play: playCRLFile},
	"18-tls-crl-path":           {changes: []change{trusted}, play: playCRLPath},
	"19-tls-certificate":        {changes: []change{trusted}, play: playClientCertificate},
	"20-tls13-ciphers":          {play: playSuites},
	"21-tls-options":            {play: playDiags},
	"22-tls-psk":                {changes: []change{paths}, play: playPreSharedKey},
	"23-tls-psk-identity":       {changes: []change{paths}, play: playPreSharedKey},
	"24-tls-protocol-list":      {warns: []string{"SSLv3 cannot be spoken"}, play: playOldVersions},
	"25-tls-protocol-all-but":   {play: playAllVersions},
	"26-forward":                {changes: []change{paths, tabled}, play: playForward},
	"27-reverse":                {changes: []change{paths, tabled, andSoOn}, play: playRoundRobin},
	"28-reverse-peruser":        {changes: []change{paths, tabled, andSoOn}, play: playPerUser},
	"29-reverse-pergroup":       {changes: []change{paths, tabled, andSoOn}, play: playPerGroup},
	"30-reverse-tls":            {changes: []change{paths, tabled, trusted, andSoOn}, play: playAuto},
	"31-implicit":               {play: playImplicit},
	"32-load-order":             {play: playLoadOrder},
	"34-trace":                  {changes: []change{paths}, play: playTrace},
	"35-tables":                 {changes: []change{tabled}, play: playTables},
	"36-perhost":                {play: playPerHost},
	"37-perhost-classes":        {changes: []change{andSoOn}, warns: []string{"has no From rule"}, play: playClasses},
	"38-credentials": {changes: []change{paths, tabled,
		{"ProxyReverseConnectPolicy ...", "ProxyReverseConnectPolicy RoundRobin", "a policy of the reader's choice"}, andSoOn}, play: playCredentials},
	"42-client-certificate": {changes: []change{
		{"mod_tls.c>\n    ...\n", "mod_tls.c>\n{tls}\n", "the ellipsis stands for certificates"},
		{"mod_sql.c>\n    ...\n", "mod_sql.c>\n    SQLEngine on\n    SQLAuthenticate off\n    SQLBackend {backend}\n    SQLConnectInfo {connect}\n", "the ellipsis stands for the database"},
		{"mod_proxy.c>\n    ...\n", "mod_proxy.c>\n    ProxyEngine on\n    ProxyLog {dir}/proxy.log\n    ProxyTables {dir}/proxy\n", "the ellipsis stands for the proxy itself"},
		{"    ...\n", "", "nothing more is needed"},
	}, play: playCertificate},
	"39-limit":         {warns: []string{"its DenyGroup has no effect"}, play: playLimit},
	"40-limit-forward": {warns: []string{"is given again and has no effect"}, play: playLimitForward},
	"41-limit-reverse": {play: playLimitReverse},
	"43-defaults":      {idle: []string{"ProxySFTPVerifyServer"}, play: playDefaults}, // which waits for SSH
	"44-server-urls": {changes: []change{{"  ftp", "  ProxyReverseServers ftp", "URLs, which the text has as values of this directive"},
		literal, mapped}, play: playURLs},
}
