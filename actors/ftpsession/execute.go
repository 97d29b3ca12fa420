package ftpsession

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/actors/backend"
	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// execute does what the dialogue decided, in order. What follows at once from
// an action is queued and fed back by the caller.
func (s *Session) execute(ctx context.Context, actions []dialogue.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case dialogue.SendClient:
			s.sendClient(a)
		case dialogue.SendBackend:
			s.backendWritten(s.back.writer.command(a.Command))
		case dialogue.SendAbort:
			s.backendWritten(s.back.writer.abort())
		case dialogue.Resume:
			s.front.Resume()
		case dialogue.PickBackend:
			s.pick(ctx, a)
		case dialogue.ResolveDestination:
			s.resolve(ctx, a)
		case dialogue.DialBackend:
			s.dial(ctx, a)
		case dialogue.DropBackend:
			s.back.drop()
		case dialogue.ReportConnected:
			s.reportConnected(a.Took)
		case dialogue.ReportFailed:
			s.reportFailed(a.Err)
		case dialogue.ReportLost:
			s.reportLost(a.Err)
		case dialogue.AskLogin:
			s.askLogin(ctx, a)
		case dialogue.CheckLogin:
			s.checkLogin(ctx, a)
		case dialogue.LoggedIn:
			s.enter(a)
		case dialogue.RecordTransfer:
			s.record(a)
		case dialogue.Misdeed:
			s.misdeed(a)
		case dialogue.Note:
			s.note(a)
		case dialogue.End:
			s.reason = a.Reason
		default:
			s.transferAction(ctx, a)
		}
	}
}

// transferAction does the actions that concern data connections.
func (s *Session) transferAction(ctx context.Context, a dialogue.Action) {
	switch a := a.(type) {
	case dialogue.Listen:
		s.listen(ctx, a)
	case dialogue.DropOffers:
		s.dropOffers()
	case dialogue.StartData:
		s.startData(ctx, a)
	case dialogue.ListingAsIs:
		s.listAsIs()
	case dialogue.ProceedData:
		if s.channel != nil { // it may have failed before the backend agreed
			s.channel.Proceed()
		}
	case dialogue.SettleData:
		if s.channel != nil {
			s.channel.Settle(a.Clean)
		}
	case dialogue.AbortData:
		s.forgetData()
	default:
		s.secrecyAction(ctx, a)
	}
}

func (s *Session) sendClient(a dialogue.SendClient) {
	s.answered(a.Reply)
	if err := s.writer.reply(a.Reply); err != nil {
		s.queue = append(s.queue, messages.FrontendLost{Err: err})
	}
}

func (s *Session) backendWritten(err error) {
	if err != nil {
		s.queue = append(s.queue, messages.BackendLost{Attempt: s.back.attempt, Err: err})
	}
}

func (s *Session) dial(ctx context.Context, a dialogue.DialBackend) {
	ctx, cancel := context.WithCancel(ctx)
	s.back.attempt, s.back.cancel, s.back.url, s.back.visit = a.Attempt, cancel, a.Backend.URL, nil
	header, err := s.announcement()
	if err != nil {
		s.queue = append(s.queue, messages.BackendUnreachable{Attempt: a.Attempt, Err: fmt.Errorf("making the PROXY header: %w", err)})
		return
	}
	for _, ep := range a.Backend.Endpoints {
		if s.setup.Source.Lacks(ep.Addr()) {
			s.proxyLog(zerolog.WarnLevel).Stringer("endpoint", ep).Msg("ProxySourceAddress has no address to reach this one from, leaving the choice to the system")
		}
	}
	cfg := backend.Config{
		Header:    header,
		Attempt:   a.Attempt,
		Endpoints: a.Backend.Endpoints,
		Source:    s.setup.Source,
		Timeout:   s.setup.ConnectTimeout,
		Buffers:   s.setup.Services.Buffers,
		Tell:      s.inbox,
	}
	if a.Implicit {
		cfg.Implicit = s.backendHandshake()
	}
	s.back.actor = backend.New(cfg)
	s.kids.Go(ctx, s.back.actor) // ends with the connection, or by cancel
}

func (s *Session) enter(a dialogue.LoggedIn) {
	s.search = nil
	s.loggedIn.Store(true)
	s.systemLog(zerolog.InfoLevel).Str("user", a.User).Str("backend-url", s.back.url.String()).
		Stringer("backend-ip", s.back.remote.Addr()).Uint16("backend-port", s.back.remote.Port()).
		Msg("USER " + a.User + ": Login successful.")
}

func (s *Session) askLogin(ctx context.Context, a dialogue.AskLogin) {
	if s.logins == nil {
		s.logins = make(chan messages.LoginAnswered, 1)
	}
	ctx, cancel := context.WithTimeout(ctx, s.setup.Services.waits().pick)
	defer cancel()
	err := s.setup.Services.Reception.Send(ctx, messages.AskLogin{Session: s.id, User: a.User, Server: s.setup.Door, Reply: s.logins})
	if err != nil {
		s.queue = append(s.queue, messages.LoginAnswered{Refusal: "Login incorrect."})
	}
}

func (s *Session) listen(ctx context.Context, a dialogue.Listen) {
	ip := s.local.Addr()
	if a.Side == messages.BackSide {
		ip = s.back.local.Addr()
	}
	s.dropOffer(a.Side)
	ln, exhausted, err := data.Listen(ctx, ip, s.setup.PassivePorts)
	if exhausted {
		s.proxyLog(zerolog.WarnLevel).Msg("PassivePorts are all in use, taking any port")
	}
	ev := messages.Listening{Side: a.Side, Err: err}
	if err == nil {
		s.offers[a.Side] = ln
		ev.Addr = addrPort(ln.Addr())
	}
	s.queue = append(s.queue, ev)
}

func (s *Session) dropOffers() {
	s.dropOffer(messages.FrontSide)
	s.dropOffer(messages.BackSide)
}

func (s *Session) dropOffer(side messages.Side) {
	if ln := s.offers[side]; ln != nil {
		_ = ln.Close() // nobody was accepted, nothing can be lost
		s.offers[side] = nil
	}
}

func (s *Session) startData(ctx context.Context, a dialogue.StartData) {
	cfg := &s.setup.Dialogue
	client, server := s.client.Addr(), s.back.remote.Addr()
	front := s.leg(a.Front, messages.FrontSide, s.local.Addr(), func(peer netip.Addr) bool {
		return peer == client || cfg.ForeignAllowed != nil && cfg.ForeignAllowed(peer)
	})
	back := s.leg(a.Back, messages.BackSide, s.setup.Source.For(a.Back.Addr.Addr()), func(peer netip.Addr) bool {
		return peer == server || cfg.AllowForeign && !cfg.IgnoreForeign
	})
	front.Balancer = s.dataBalancer()
	if s.setup.CompliantActive {
		front.Port = s.local.Port() - 1
	}
	s.protect(a, &front, &back)
	s.forgetData()
	ctx, s.abort = context.WithCancel(ctx)
	way := data.Config{
		Transfer: a.Transfer, Upload: a.Upload, Front: front, Back: back,
		ConnectTimeout: s.setup.ConnectTimeout,
		Stalled:        s.setup.Stalled,
		Pipes:          s.setup.Services.Pipes,
		Tell:           s.inbox,
		Log:            s.setup.ProxyLog.With().EmbedObject(s).Logger(),
	}
	s.shape(a, &way)
	s.channel = data.New(way)
	s.running = s.channel
	s.kids.Go(ctx, s.channel) // ends when the transfer does, or by abort
}

// forgetData ends what is left of a data channel. Without it the context of
// every transfer would be kept until the session ends.
func (s *Session) forgetData() {
	if s.abort != nil {
		s.abort()
	}
	s.abort, s.channel, s.running = nil, nil, nil
}

// leg hands a listener over to the data channel, or says where to connect to.
func (s *Session) leg(plan dialogue.Leg, side messages.Side, source netip.Addr, welcome func(netip.Addr) bool) data.Leg {
	if !plan.Listen {
		return data.Leg{Addr: plan.Addr, Source: source}
	}
	ln := s.offers[side]
	s.offers[side] = nil
	return data.Leg{Listener: ln, Welcome: welcome}
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
