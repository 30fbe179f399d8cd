package feed

import "hash/fnv"

// listed are coins everybody knows with a price that is of the right order, the most traded first.
var listed = []struct {
	name  string
	price float64
}{
	{"BTC", 97000}, {"ETH", 3400}, {"SOL", 190}, {"XRP", 2.2}, {"DOGE", 0.32}, {"BNB", 690}, {"ADA", 0.9}, {"AVAX", 38},
	{"LINK", 23}, {"SUI", 4.1}, {"LTC", 105}, {"DOT", 7.2}, {"SHIB", 0.000022}, {"PEPE", 0.000018}, {"TRX", 0.25}, {"TON", 5.5},
	{"UNI", 13}, {"NEAR", 5.3}, {"APT", 9.4}, {"ICP", 10.5}, {"ETC", 27}, {"XLM", 0.36}, {"HBAR", 0.28}, {"ARB", 0.78},
	{"OP", 1.9}, {"AAVE", 320}, {"FIL", 5.2}, {"ATOM", 6.6}, {"INJ", 21}, {"RUNE", 4.8}, {"TIA", 5.1}, {"SEI", 0.43},
	{"WIF", 1.9}, {"BONK", 0.00003}, {"FLOKI", 0.00018}, {"JUP", 0.84}, {"ENA", 1.02}, {"ONDO", 1.4}, {"MKR", 1550}, {"LDO", 1.8},
	{"GRT", 0.21}, {"CRV", 0.92}, {"SNX", 2.1}, {"ALGO", 0.35}, {"VET", 0.046}, {"XMR", 195}, {"BCH", 440}, {"STX", 1.6},
	{"IMX", 1.3}, {"SAND", 0.56}, {"MANA", 0.48}, {"AXS", 6.3}, {"GALA", 0.037}, {"CHZ", 0.086}, {"EGLD", 34}, {"FLOW", 0.72},
	{"KAS", 0.12}, {"RNDR", 7.1}, {"FET", 1.3}, {"TAO", 460}, {"PYTH", 0.36}, {"JTO", 3.1}, {"STRK", 0.48}, {"DYDX", 1.4},
}

// Symbols returns n symbols in order of popularity: the known ones first, then made-up names, always the same.
func Symbols(n int) []string {
	names := make([]string, 0, max(n, 0))
	taken := make(map[string]bool, len(listed))
	for _, l := range listed {
		taken[l.name] = true
	}
	for i := 0; i < len(listed) && len(names) < n; i++ {
		names = append(names, listed[i].name)
	}
	for i := 0; len(names) < n; i++ {
		if name := madeUp(i); !taken[name] {
			names = append(names, name)
		}
	}
	return names
}

// madeUp spells i in pronounceable syllables: four letters for the first 4,900, then six, and so on. No two are alike.
func madeUp(i int) string {
	const consonants, vowels = "BDFGKLMNPRSTVZ", "AEIOU"
	const syllables = len(consonants) * len(vowels)
	size, count := 2, syllables*syllables
	for i >= count {
		i -= count
		size++
		count *= syllables
	}
	// A step that shares no factor with the count visits every number once, and neighbours do not look alike.
	step := 2971 % count
	i = (i*step + 1234) % count
	b := make([]byte, 0, 2*size)
	for range size {
		s := i % syllables
		i /= syllables
		b = append(b, consonants[s/len(vowels)], vowels[s%len(vowels)])
	}
	return string(b)
}

// basePrice is the listed price, or one that the name alone decides.
func basePrice(name string) float64 {
	for _, l := range listed {
		if l.name == name {
			return l.price
		}
	}
	h := hash(name)
	price := float64(h%9000+1000) / 1000 // 1.000 to 9.999
	for range h >> 32 % 5 {
		price /= 10
	}
	return price * 10
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
