package config

// withoutData are the directives that work on data connections, and so on none
// where clients and backends have them among themselves.
var withoutData = []string{
	"DeflateEngine", "MasqueradeAddress", "MaxRetrieveFileSize", "MaxStoreFileSize", "PassivePorts", "ProxyDataTransferPolicy",
	"ProxyDeflateEngine", "ProxyDirectoryListPolicy", "ProxyProtocolDataFrom", "TLSMasqueradeAddress", "TimeoutStalled", "TransferRate",
}

// checkDirect says what direct transfers give up. It is a choice that may be
// meant, but nobody should have to find out by its lack.
func (l *loader) checkDirect(r resolved) {
	const name = "ProxyOptions"
	o := r.Proxy.Options
	if !r.Proxy.Engine || !o.UseDirectDataTransfers {
		return
	}
	bounce := "; no PORT is kept from third hosts, unless you write AllowForeignAddress off, as the backend cannot tell them from clients"
	if r.Data.ForeignSaid {
		bounce = ""
	}
	l.report(Warning, r.at(name), name, "UseDirectDataTransfers keeps data away from the gateway: no sizes in logs, no guard against "+
		"truncated files, no limits; TLS on data connections is the backend's own, with its certificate and without the session "+
		"of the control connection; clients need PASV, PORT or EPRT, as EPSV leads them to the gateway"+bounce)
	for _, name := range withoutData {
		if r.written(name) {
			l.report(Warning, r.at(name), name, "has no effect: with ProxyOptions UseDirectDataTransfers no data passes here")
		}
	}
	if o.UseCompliantActiveTransfers {
		l.report(Warning, r.at(name), name, "UseCompliantActiveTransfers has no effect: with UseDirectDataTransfers no data passes here")
	}
}
