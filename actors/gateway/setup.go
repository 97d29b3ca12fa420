package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/protocols/proxyproto"
	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// setup makes what the sessions of one server (and class) share.
func (g *Gateway) setup(ctx context.Context, cfg *config.Config, server *config.Server, set *config.Settings, class string, o offer) (*ftpsession.Setup, error) {
	system, proxy := g.logs.server(set)
	s := &ftpsession.Setup{
		Services:       g.services,
		Server:         server.Name,
		Door:           serverID(server),
		Pool:           o.pool.ID,
		Class:          class,
		PerName:        len(o.sources.Plan.Files)+len(o.sources.Plan.Queries) > 0,
		Book:           o.bookName,
		Dialogue:       dialogueOf(cfg, server, set),
		PassivePorts:   data.Ports{Low: set.Data.PassivePorts.Low, High: set.Data.PassivePorts.High},
		ConnectTimeout: set.Proxy.TimeoutConnect,
		Stalled:        set.Timeouts.Stalled,
		TransferLog:    set.Logs.Transfer.Path,
		Books:          g.extendedLogs(set),
		Log:            system,
		ProxyLog:       proxy,
		Announce:       announced(set.Proxy.Options),
		AnnounceMore:   set.Proxy.Options.UseProxyProtocolV2TLVs,
		DataBalancers:  set.Proxy.ProtocolDataFrom,
	}
	s.Dialogue.OwnListener = g.ownListener
	s.CompliantActive = set.Proxy.Options.UseCompliantActiveTransfers
	s.Dialogue.Greeting = g.greeting(server, set)
	if s.Dialogue.Selection == dialogue.AtUser {
		s.Dialogue.Likeness = ftpsession.NewLikeness()
	}
	var err error
	if s.Rewrite, err = g.rewriting.hook(set.Rewrite, system, g.logs.rewrite(set.Rewrite)); err != nil {
		return nil, fmt.Errorf("%s: %w", server.Pos, err)
	}
	if set.Proxy.Role == config.RoleForward {
		s.Guard = g.guard(set.Proxy.ForwardTo)
	}
	if err = g.secure(s, cfg, set); err != nil {
		return nil, fmt.Errorf("%s: %w", server.Pos, err)
	}
	if s.Dialogue.Masquerade, err = g.masquerade(ctx, set.Data.Masquerade); err != nil {
		return nil, fmt.Errorf("%s: MasqueradeAddress: %w", server.Pos, err)
	}
	if s.Dialogue.TLSMasquerade, err = g.masquerade(ctx, set.TLS.MasqueradeAddress); err != nil {
		return nil, fmt.Errorf("%s: TLSMasqueradeAddress: %w", server.Pos, err)
	}
	if source := set.Proxy.SourceAddress; source != "" {
		addrs, err := addressesOf(ctx, source, true)
		if err != nil {
			return nil, fmt.Errorf("%s: ProxySourceAddress: %w", server.Pos, err)
		}
		s.Source = sockets.SourceOf(addrs...)
	}
	return s, nil
}

// dialogueOf is what the settings say about the conversation with clients and
// backends, all but what has to be looked up.
func dialogueOf(cfg *config.Config, server *config.Server, set *config.Settings) dialogue.Config {
	return dialogue.Config{
		Selection:         selection(set.Proxy),
		Forward:           forward(set.Proxy),
		DenyMsg:           set.Banner.AccessDenyMsg,
		MaxLoginAttempts:  set.Limits.MaxLoginAttempts,
		ServerNames:       slices.Concat([]string{server.Name}, server.HostNames, server.Aliases),
		UseIPv6:           cfg.Process.UseIPv6,
		RetryCount:        set.Proxy.RetryCount,
		TimeoutConnect:    set.Proxy.TimeoutConnect,
		TimeoutLinger:     set.Proxy.TimeoutLinger,
		Bounds:            bounds(set),
		Deflate:           dialogue.Deflate{Clients: set.Data.Deflate, Backends: deflating[set.Proxy.Deflate]},
		DataPolicy:        dataPolicies[set.Proxy.DataTransfer],
		ShowFeatures:      set.Proxy.Options.ShowFeatures,
		IgnoreForeign:     set.Proxy.Options.IgnoreForeignAddress,
		AllowForeign:      set.Proxy.Options.AllowForeignAddress,
		ForeignAllowed:    foreignRule(cfg, set.Data),
		Direct:            dialogue.Direct{On: set.Proxy.Options.UseDirectDataTransfers, Check: set.Data.ForeignSaid},
		TimeoutLogin:      set.Timeouts.Login,
		TimeoutIdle:       set.Timeouts.Idle,
		TimeoutNoTransfer: set.Timeouts.NoTransfer,
		TimeoutSession:    set.Timeouts.Session,
		TLS:               frontDialogue(set.TLS),
		BackendTLS:        engines[set.BackendTLS.Engine],
		Protection:        protections[set.BackendTLS.Protection],
		LimitLogins:       limitsLogins(set),
		AsciiDefault:      set.Data.DefaultTransferType == 'A',
		Listings:          listings(set),
	}
}

// bounds are what transfers of files are held to.
func bounds(set *config.Settings) dialogue.Bounds {
	b := dialogue.Bounds{MaxStore: set.Limits.MaxStoreFileSize, MaxRetrieve: set.Limits.MaxRetrieveFileSize}
	for _, r := range set.Data.TransferRates {
		b.Rates = append(b.Rates, dialogue.Rate{Commands: r.Commands, BytesPerSecond: r.BytesPerSecond, Free: r.FreeBytes})
	}
	return b
}

var deflating = map[config.DeflateEngine]dialogue.BackDeflate{
	config.DeflateOff:       dialogue.DeflateNothing,
	config.DeflateDownloads: dialogue.DeflateDownloads,
	config.DeflateOn:        dialogue.DeflateAll,
}

var dataPolicies = map[config.DataTransferPolicy]dialogue.DataPolicy{
	config.DataClient:  dialogue.ClientChooses,
	config.DataActive:  dialogue.PreferActive,
	config.DataPassive: dialogue.PreferPassive,
	config.DataPASV:    dialogue.OnlyPASV,
	config.DataEPSV:    dialogue.OnlyEPSV,
	config.DataPORT:    dialogue.OnlyPORT,
	config.DataEPRT:    dialogue.OnlyEPRT,
}

// announced is the version of the PROXY header that backends get; 0: none.
func announced(o config.ProxyOptions) proxyproto.Version {
	switch {
	case o.UseProxyProtocolV1:
		return proxyproto.V1
	case o.UseProxyProtocolV2:
		return proxyproto.V2
	}
	return 0
}

// foreignRule is AllowForeignAddress: on, off, or a class that the data
// address must belong to.
func foreignRule(cfg *config.Config, d config.Data) func(netip.Addr) bool {
	if d.AllowForeign {
		return func(netip.Addr) bool { return true }
	}
	for _, class := range cfg.Process.Classes {
		if d.AllowForeignClass != "" && class.Name == d.AllowForeignClass {
			return func(a netip.Addr) bool { return class.Match(a, "") }
		}
	}
	return nil
}

// masquerade resolves MasqueradeAddress to the IPv4 address that PASV shows.
func (g *Gateway) masquerade(ctx context.Context, what string) (netip.Addr, error) {
	if what == "" {
		return netip.Addr{}, nil
	}
	addrs, err := addressesOf(ctx, what, true)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		if a.Is4() {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%q has no IPv4 address to show in PASV replies", what)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
