package gateway

import (
	"slices"

	"github.com/sluice-gateway/sluice/actors/ftpsession"
	"github.com/sluice-gateway/sluice/runtime/sockets"
)

// addActivePort notes the port that a server's active data connections are to leave
// from, if not everybody may use it.
func (l *layout) addActivePort(s *site, setup *ftpsession.Setup) {
	port := s.server.Port - 1
	if setup.CompliantActive && port > 0 && port < 1024 && !slices.Contains(l.activePorts, port) {
		l.activePorts = append(l.activePorts, port)
	}
}

// tryActivePorts says what a transfer would find out: that the process, as it serves,
// may not use a port.
func (g *Gateway) tryActivePorts(l *layout) {
	for _, port := range l.activePorts {
		if err := sockets.MayLeaveFrom(port); err != nil {
			g.log.Warn().Err(err).Msgf("ProxyOptions UseCompliantActiveTransfers: active data connections will leave from any port instead of %d; "+
				"start as root, or grant CAP_NET_BIND_SERVICE (AmbientCapabilities= of the unit, or setcap on the binary)", port)
		}
	}
}
