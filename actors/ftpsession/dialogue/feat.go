package dialogue

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// What the gateway answers FEAT with. It promises what it does itself, and of what
// it passes on only what the backend has. Of a backend that is not known yet, or does
// not tell, it is taken for granted what practically every one has.

// ownFeatures are done here, or need nobody: names and paths pass through as they are
// (TVFS, UTF8).
var ownFeatures = []string{"EPRT", "EPSV", "HOST", "TVFS", "UTF8"}

// usualFeatures are those of a backend that has not told.
var usualFeatures = []string{"CLNT", "CSID", "LANG", "MDTM", "MFF", "MFMT", "MLST", "RANG", "REST STREAM", "SIZE"}

// passedOn are the features that work across the gateway as they do without it. They
// are shown in the backend's own words: MLST has facts there, HASH its algorithms.
var passedOn = map[string]bool{
	ftp.CLNT: true, ftp.CSID: true, ftp.LANG: true, ftp.SITE: true, ftp.COMB: true, ftp.THMB: true,
	ftp.MDTM: true, ftp.MFCT: true, ftp.MFF: true, ftp.MFMT: true, ftp.MLST: true,
	ftp.RANG: true, ftp.REST: true, ftp.SIZE: true, ftp.AVBL: true, ftp.DSIZ: true,
	ftp.HASH: true, ftp.XCRC: true, ftp.XMD5: true, ftp.XSHA: true, ftp.XSHA1: true, ftp.XSHA256: true, ftp.XSHA512: true,
	ftp.MD5: true, ftp.MMD5: true,
}

// tlsFeatures join them where TLS is offered.
var tlsFeatures = []string{"AUTH TLS", "CCC", "PBSZ", "PROT", "SSCN"}

// feat answers for the gateway, or for the backend with ShowFeatures and in the
// forward role.
func (m *Machine) feat(c ftp.Command) {
	if m.cfg.ShowFeatures || m.forwards() {
		m.forward(c, func(m *Machine, r ftp.Reply) { m.answer(m.withFacts(r)) })
		return
	}
	m.ownFeat(c)
}

func (m *Machine) ownFeat(ftp.Command) {
	list := slices.Concat(ownFeatures, m.backFeatures())
	if facts, ok := m.mlstFacts(); ok {
		list = append(slices.DeleteFunc(list, isMLST), "MLST "+facts)
	}
	if m.cfg.TLS.Enabled {
		list = append(list, tlsFeatures...)
	}
	if m.offersModeZ() {
		list = append(list, "MODE Z")
	}
	m.answer(ftp.FeaturesReply(list))
}

// backFeatures are those that the backend has to have.
func (m *Machine) backFeatures() []string {
	if m.back.features.Len() == 0 {
		return usualFeatures
	}
	var list []string
	for _, line := range m.back.features.Lines() {
		if name, _, _ := strings.Cut(line, " "); passedOn[strings.ToUpper(name)] {
			list = append(list, line)
		}
	}
	return list
}

func isMLST(line string) bool {
	name, _, _ := strings.Cut(line, " ")
	return strings.EqualFold(name, ftp.MLST)
}
