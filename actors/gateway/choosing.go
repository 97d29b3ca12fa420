package gateway

import (
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
	"github.com/sluice-gateway/sluice/runtime/config"
)

// selection says when a server's backends are chosen: as late as what the
// choice depends on is known.
func selection(p config.Proxy) dialogue.Selection {
	switch {
	case p.Role == config.RoleForward:
		return dialogue.AtDestination
	case p.Options.UseReverseProxyAuth:
		return dialogue.AtPass
	case p.Policy == config.PolicyPerUser:
		return dialogue.AtUser
	}
	return dialogue.AtConnect
}

// healthPool is how a pool's backends are watched (ProxyReverseHealthPolicy).
func healthPool(pool messages.Pool, h config.Health) messages.HealthPool {
	return messages.HealthPool{
		ID:       pool.ID,
		Backends: pool.Backends,
		Passive:  messages.PassiveChecks{On: h.Passive.On, Failures: h.Passive.Failures, Expires: h.Passive.Expires},
		Active: messages.ActiveChecks{
			On: h.Active.On, Kind: checkKinds[h.Active.Check],
			Interval: h.Active.Interval, Timeout: h.Active.Timeout, Rise: h.Active.Rise, Fall: h.Active.Fall,
			User: h.Active.User, Password: string(h.Active.Password),
		},
	}
}

var checkKinds = map[config.HealthCheck]messages.CheckKind{
	config.CheckConnect: messages.ConnectCheck,
	config.CheckBanner:  messages.BannerCheck,
	config.CheckLogin:   messages.LoginCheck,
	config.CheckTLS:     messages.TLSCheck,
	config.CheckSSH:     messages.SSHCheck,
}

var allDown = map[config.AllDownPolicy]messages.AllDown{
	config.AllDownTry:    messages.TryAnyway,
	config.AllDownRefuse: messages.Refuse,
}
