package ftpsession

import "github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"

// identified goes on with the setup for who has logged in, as the dialogue does.
func (s *Session) identified(a dialogue.Identified) {
	if s.setup.Later == nil {
		return
	}
	if next := s.setup.Later(a.By); next != nil {
		s.setup = next
	}
}
