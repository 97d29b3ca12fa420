package sqlsource

import (
	"context"
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/bench/certs"
	"github.com/sluice-gateway/sluice/bench/peers"
	"github.com/sluice-gateway/sluice/stores"
)

func TestTLS(t *testing.T) {
	kit, err := certs.NewKit(t.TempDir())
	must(t, err)
	for name, start := range map[string]func(*testing.T, peers.DatabaseOptions) *rig{
		"postgres": func(t *testing.T, o peers.DatabaseOptions) *rig {
			return networkRig(t, &rig{dialect: Postgres, server: peers.StartPostgres(t, o)})
		},
		"mariadb": func(t *testing.T, o peers.DatabaseOptions) *rig {
			return networkRig(t, &rig{dialect: MySQL, server: peers.StartMariaDB(t, o)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, peers.DatabaseOptions{Certificate: kit.OtherName}) // right in all but the name
			cipher := "COALESCE((SELECT 'ftp://' || LOWER(REPLACE(version, '.', '-')) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), 'ftp://clear')"
			if name == "mariadb" {
				cipher = "IF(VARIABLE_VALUE = '', 'ftp://clear', 'ftp://tlsv1-3') FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"
			}
			for claim, tt := range map[string]struct {
				options []Option
				want    string // a URL, or a part of the error
			}{
				"used_if_there":             {nil, "ftp://tlsv1-3"},
				"switched_off":              {[]Option{{"ssl-mode", "disable"}}, "ftp://clear"},
				"demanded":                  {[]Option{{"ssl-mode", "require"}}, "ftp://tlsv1-3"},
				"the_authority_is_verified": {[]Option{{"ssl-ca", kit.CA}}, "ftp://tlsv1-3"},
				"a_folder_of_authorities":   {[]Option{{"ssl-ca-dir", kit.Dir}}, "ftp://tlsv1-3"},
				"another_authority":         {[]Option{{"ssl-ca", kit.OtherCA}}, "certificate"},
				"a_name_that_is_not_his":    {[]Option{{"ssl-ca", kit.CA}, {"ssl-mode", "verify-full"}}, "certificate"},
				"nobody_vouches":            {[]Option{{"ssl-mode", "verify-full"}}, "certificate"},
			} {
				t.Run(claim, func(t *testing.T) {
					c := r.conn
					c.TLS = tt.options
					s := r.source(t, Query{Verb: "SELECT", Text: cipher}, Config{Connections: []Connection{c}})
					if strings.HasPrefix(tt.want, "ftp://") {
						expect(t, s, stores.Asker{}, tt.want)
						return
					}
					if _, err := s.Backends(context.Background(), stores.Asker{}); err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("error %v, want %q in it", err, tt.want)
					}
				})
			}
		})
	}
}
