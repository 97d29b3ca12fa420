package config

import (
	"strings"
	"testing"
)

func TestDirectTransfersAreWarnedOf(t *testing.T) {
	const proxy = "ProxyEngine on\nProxyReverseServers ftp://b\n"
	const direct = proxy + "ProxyOptions UseDirectDataTransfers\n"
	for name, c := range map[string]struct {
		src, at  string
		has, not string
	}{
		"what_it_gives_up":            {direct, "3:1", "no sizes in logs", ""},
		"a_bounce_that_nobody_stops":  {direct, "3:1", "no PORT is kept from third hosts", ""},
		"but_where_that_is_decided":   {direct + "AllowForeignAddress off", "3:1", "no sizes in logs", "third hosts"},
		"a_rate":                      {direct + "TransferRate RETR 100", "4:1", "no data passes here", ""},
		"a_limit":                     {direct + "MaxStoreFileSize 1 Mb", "4:1", "no data passes here", ""},
		"a_translation":               {direct + "ProxyDirectoryListPolicy LIST", "4:1", "no data passes here", ""},
		"ports":                       {direct + "PassivePorts 5000 6000", "4:1", "no data passes here", ""},
		"an_option_about_data":        {proxy + "ProxyOptions UseDirectDataTransfers UseCompliantActiveTransfers", "3:1", "UseCompliantActiveTransfers has no effect", ""},
		"for_one_class":               {"<Class far>\nFrom 10.0.0.0/8\n</Class>\n" + proxy + "<IfClass far>\nProxyOptions UseDirectDataTransfers\n</IfClass>", "7:1", "no sizes in logs", ""},
		"nobody_who_does_not_want_it": {proxy + "PassivePorts 5000 6000", "", "", "no data passes"},
		"nobody_who_is_no_proxy":      {"ProxyOptions UseDirectDataTransfers", "", "", "sizes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := loadText(c.src, nil)
			all, found := describe(r), c.has == ""
			for _, p := range r.Problems {
				if p.Severity == Warning && strings.Contains(p.String(), ":"+c.at+": ") && strings.Contains(p.Text, c.has) {
					found = true
				}
			}
			if !found || c.not != "" && strings.Contains(all, c.not) {
				t.Errorf("got:\n%s", all)
			}
		})
	}
}
