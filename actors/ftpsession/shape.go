package ftpsession

import (
	"github.com/sluice-gateway/sluice/actors/data"
	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
)

// shape has a transfer changed and measured on its way, as the dialogue says.
func (s *Session) shape(a dialogue.StartData, cfg *data.Config) {
	if a.Shape.Translate != dialogue.NoTranslation {
		s.listing = newInterpreter(a.Shape)
		cfg.Translate = s.listing
	}
	cfg.Front.Deflate, cfg.Back.Deflate = a.Shape.FrontLevel, a.Shape.BackLevel
	cfg.Rate = data.Rate{BytesPerSecond: a.Shape.Rate.BytesPerSecond, Free: a.Shape.Rate.Free}
	cfg.MaxBytes = a.Shape.Limit
}
