package dialogue

import (
	"testing"

	"github.com/sluice-gateway/sluice/protocols/listing"
)

func TestOptsMLST(t *testing.T) {
	prove(t, []claim{
		{"is_remembered_where_the_backend_knows_none", byLIST, greeted + signedIn + `
			C: OPTS MLST Size;TYPE;unique;modify
			>C 200 MLST OPTS size;type;` + pasv + `
			C: MLSD
			>B LIST -aln` + lists4 + "MLSD(size;type;) of 2024-5-1" + listed},
		{"is_relayed_too_where_it_does_and_ours_is_the_answer", byLIST, modern + signedIn + `
			C: OPTS MLST unix.ownername;
			>B OPTS MLST unix.ownername;
			B: 501 never heard of that
			>C 200 MLST OPTS UNIX.ownername;` + pasv + `
			C: MLSD
			>B LIST -al` + lists4 + "MLSD(UNIX.ownername;) of 2024-5-1" + listed},
		{"without_facts_leaves_the_names", byLIST, greeted + signedIn + `
			C: OPTS MLST
			>C 200 MLST OPTS` + pasv + `
			C: MLSD
			>B LIST -aln` + lists4 + "MLSD() of 2024-5-1" + listed},
		{"chooses_among_what_is_offered", func(c *Config) { byLIST(c); c.Listings.Choice = listing.FactSize | listing.FactType }, greeted + signedIn + `
			C: OPTS MLST size;unix.ownername;
			>C 200 MLST OPTS size;`},
		{"is_the_backends_under_client", nil, modern + signedIn + `
			C: OPTS MLST size;
			>B OPTS MLST size;
			B: 200 MLST OPTS size;
			>C 200 MLST OPTS size;`},
		{"keeps_what_LIST_is_made_of", byMLSD, modern + signedIn + `
			C: OPTS MLST size;unique;
			>B OPTS MLST size;unique;Type;Modify;UNIX.mode;
			B: 200 MLST OPTS Type;Size;Modify;Unique;UNIX.mode;
			>C 200 MLST OPTS Type;Size;Modify;Unique;UNIX.mode;
			C: OPTS MLST
			>B OPTS MLST Type;Size;Modify;UNIX.mode;
			B: 200 MLST OPTS Type;Size;Modify;UNIX.mode;
			>C 200 MLST OPTS Type;Size;Modify;UNIX.mode;`},
	})
}

func TestFeatOfTranslatedLists(t *testing.T) {
	ours := func(mlst string) string {
		return `
			C: FEAT
			>C 211-Features:↵ EPRT↵ EPSV↵ HOST↵ MLST` + mlst + `↵ TVFS↵ UTF8↵211 End`
	}
	usual := " modify;perm;size*;type*;UNIX.group;UNIX.groupname;UNIX.mode;UNIX.owner;UNIX.ownername*;"
	relayed := func(c *Config) { byLIST(c); c.ShowFeatures = true }
	prove(t, []claim{
		{"tells_what_it_can_show", byLIST, modern + ours(usual) + signedIn + `
			C: OPTS MLST modify;
			>B OPTS MLST modify;
			B: 200 fine
			>C 200 MLST OPTS modify;` + ours(" modify*;perm;size;type;UNIX.group;UNIX.groupname;UNIX.mode;UNIX.owner;UNIX.ownername;")},
		{"with_less_to_choose", func(c *Config) { byLIST(c); c.Listings.Choice = listing.FactSize | listing.FactModify }, greeted + ours(" modify;size*;")},
		{"is_the_backends_where_MLSD_is", byMLSD, modern + ours(" Type*;Size*;Modify;Unique*;UNIX.mode;")},
		{"mends_what_a_backend_shows", relayed, modern + signedIn + `
			C: FEAT
			>B FEAT
			B: 211-F↵ SIZE↵ MLST Type*;Unique*;↵ MDTM↵211 End
			>C 211-F↵ SIZE↵ MDTM↵ MLST` + usual + `↵211 End`},
		{"adds_what_it_lacks", relayed, greeted + signedIn + `
			C: FEAT
			>B FEAT
			B: 211-F↵211 End
			>C 211-F↵ MLST` + usual + `↵211 End`},
		{"leaves_a_refusal", relayed, greeted + signedIn + `
			C: FEAT
			>B FEAT
			B: 500 what?
			>C 500 what?`},
	})
}
