package ftpsession

import (
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// misdeed has whoever counts them know what the client did.
func (s *Session) misdeed(a dialogue.Misdeed) {
	tell := s.setup.Services.Misdeed
	if tell == nil {
		return
	}
	tell(messages.EventHappened{What: a.What, By: messages.Visitor{
		Server: s.setup.Door, Host: s.client.Addr().Unmap(), User: a.User, Class: s.setup.Class,
	}})
}
