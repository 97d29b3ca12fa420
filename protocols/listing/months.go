package listing

// months in the form of ls; VMS writes them in capitals.
const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// foreign are the months of ls in other languages of the Latin script, without
// their accents and dots: German, Dutch, French, Spanish, Italian, Portuguese.
var foreign = map[string]int{
	"jn": 1, "janv": 1, "ene": 1, "gen": 1,
	"fvr": 2, "fv": 2, "fev": 2,
	"mr": 3, "mrt": 3, "mrz": 3, "mars": 3, "marz": 3,
	"avr": 4, "abr": 4,
	"mai": 5, "mei": 5, "mag": 5, "mayo": 5,
	"juin": 6, "giu": 6, "juni": 6, "june": 6,
	"juil": 7, "lug": 7, "juli": 7, "july": 7,
	"aot": 8, "aou": 8, "ago": 8,
	"sept": 9, "set": 9,
	"okt": 10, "out": 10, "ott": 10,
	"dc": 12, "dez": 12, "dic": 12,
}

// month reads the name of a month, in any case.
func month(word []byte) (n int, ok bool) {
	var room [8]byte
	low := room[:0]
	for _, c := range word {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' && len(low) < len(room):
			low = append(low, c|0x20)
		case c >= 0x80: // half a letter, or one with an accent
		case c == '.' && len(low) > 1:
		default:
			return 0, false
		}
	}
	if len(low) == 3 {
		for i := 0; i < len(months); i += 3 {
			if months[i:i+3] == string(low) {
				return i/3 + 1, true
			}
		}
	}
	n, ok = foreign[string(low)]
	return n, ok
}
