package dialogue

import "testing"

// TestOfferPolicies shows what the backend hears for each policy and what it
// lists, with IPv4 and IPv6 towards it.
func TestOfferPolicies(t *testing.T) {
	const v6 = `
		pick
		picked b1
		dial 1 b1
		B connected by IPv6
		B: 220 hello
		report connected
		>B FEAT
		B: 500 what?
		>C 220 hello`
	const eprt4, port4, eprt6 = ">B EPRT |1|198.51.100.1|6000|", ">B PORT 198,51,100,1,23,112", ">B EPRT |2|2001:db8::1|6000|"
	const epsv, pasv = ">B EPSV", ">B PASV"
	rows := []struct {
		name             string
		policy           DataPolicy
		client           string
		rich, plain, six string // backend lists both, neither; is reached by IPv6
	}{
		{"client", ClientChooses, "PASV", pasv, pasv, epsv},
		{"client", ClientChooses, "EPSV", epsv, pasv, epsv},
		{"client", ClientChooses, "PORT 192,0,2,7,19,136", port4, port4, eprt6},
		{"client", ClientChooses, "EPRT |1|192.0.2.7|5000|", eprt4, port4, eprt6},
		{"passive", PreferPassive, "PORT 192,0,2,7,19,136", epsv, pasv, epsv},
		{"passive", PreferPassive, "PASV", epsv, pasv, epsv},
		{"active", PreferActive, "PASV", eprt4, port4, eprt6},
		{"active", PreferActive, "PORT 192,0,2,7,19,136", eprt4, port4, eprt6},
		{"PASV", OnlyPASV, "EPSV", pasv, pasv, epsv},
		{"EPSV", OnlyEPSV, "PASV", epsv, pasv, epsv},
		{"PORT", OnlyPORT, "EPSV", port4, port4, eprt6},
		{"EPRT", OnlyEPRT, "PASV", eprt4, port4, eprt6},
	}
	for _, r := range rows {
		for _, side := range []struct{ name, begin, want string }{
			{"rich", greeted, r.rich}, {"plain", plain, r.plain}, {"IPv6", v6, r.six},
		} {
			listen := ""
			if side.want != epsv && side.want != pasv {
				listen = "\n listen back\n listening back 6000"
				if side.name == "IPv6" {
					listen = "\n listen back IPv6\n listening back 6000"
				}
			}
			t.Run(r.name+"/"+side.name+"/"+r.client[:4], func(t *testing.T) {
				cfg := usual()
				cfg.DataPolicy = r.policy
				play(t, cfg, side.begin, signedIn, "C: "+r.client, "drop offers", listen, side.want)
			})
		}
	}
}

func TestOfferAcrossModes(t *testing.T) {
	prove(t, []claim{
		{"client_active_backend_passive", policy(PreferPassive), greeted + signedIn + `
			C: PORT 192,0,2,7,19,136
			drop offers
			>B EPSV
			B: 500 what?
			>B PASV
			B: 227 go (198,51,100,5,19,136)
			>C 200 PORT command successful
			C: RETR f
			>B RETR f
			start down front=192.0.2.7:5000 back=198.51.100.5:5000`},
		{"client_passive_backend_active", policy(PreferActive), greeted + signedIn + `
			C: EPSV
			drop offers
			listen back
			listening back 6000
			>B EPRT |1|198.51.100.1|6000|
			B: 522 no
			>B PORT 198,51,100,1,23,112
			B: 200 ok
			listen front
			listening front 4000
			>C 229 Entering Extended Passive Mode (|||4000|)
			C: STOR f
			>B STOR f
			start up front=listen back=listen`},
		{"no_fallback_to_what_cannot_name_IPv6", nil, `
			pick
			picked b1
			dial 1 b1
			B connected by IPv6
			B: 220 hello
			report connected
			>B FEAT
			B: 500 what?
			>C 220 hello` + signedIn + `
			C: EPSV
			drop offers
			>B EPSV
			B: 500 what?
			drop offers
			>C 500 what?
			C: EPRT |1|192.0.2.7|5000|
			drop offers
			listen back IPv6
			listening back 6000
			>B EPRT |2|2001:db8::1|6000|
			B: 500 what?
			drop offers
			>C 425 what?`},
	})
}
