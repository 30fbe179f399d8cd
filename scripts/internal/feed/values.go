package feed

import (
	"math"
	"strconv"
)

// coin is one symbol's market. Next's caller owns it.
type coin struct {
	name       string
	key        []byte
	base       float64
	price      float64
	open       float64
	high, low  float64
	volatility float64 // of one trade, as a share of the price
	decimals   int     // of the price, so that it always shows five digits or more
	volume     float64
	trades     uint64
	holders    uint64
	favorites  uint64
}

func newCoin(name string) coin {
	p := basePrice(name)
	h := hash(name + "/")
	return coin{
		name: name, key: []byte(name), base: p, price: p, open: p, high: p, low: p,
		volatility: 0.0001 + float64(h%1000)/1000*0.0004,
		decimals:   min(max(4-int(math.Floor(math.Log10(p))), 2), 9),
		holders:    2000 + h>>16%90000,
		favorites:  100 + h>>40%9000,
	}
}

// step moves the price by one trade. The pull back to the base keeps a demo that runs for a week believable.
func (f *Feed) step(c *coin) {
	pull := 0.00002 * math.Log(c.base/c.price)
	c.price *= math.Exp(c.volatility*f.rng.NormFloat64() + pull)
	c.high, c.low = max(c.high, c.price), min(c.low, c.price)
}

// size is an amount of coins worth some tens to thousands of dollars.
func (f *Feed) size(c *coin) float64 {
	return math.Exp(4+1.5*f.rng.NormFloat64()) / c.price
}

func (f *Feed) trade(b []byte, c *coin) []byte {
	f.step(c)
	size := f.size(c)
	c.trades++
	c.volume += size * c.price
	f.trades++
	b = number(b, `,"price":`, c.price, c.decimals)
	b = number(b, `,"size":`, size, 4)
	if f.rng.Uint64()&1 == 0 {
		b = append(b, `,"side":"buy"`...)
	} else {
		b = append(b, `,"side":"sell"`...)
	}
	b = number(b, `,"change":`, 100*(c.price/c.open-1), 2)
	return whole(b, `,"id":`, 70_000_000+f.trades)
}

func (f *Feed) liquidity(b []byte, c *coin) []byte {
	half := c.price * (0.0001 + 0.0002*f.rng.Float64())
	b = number(b, `,"bid":`, c.price-half, c.decimals)
	b = number(b, `,"ask":`, c.price+half, c.decimals)
	b = number(b, `,"bid_size":`, f.size(c), 4)
	b = number(b, `,"ask_size":`, f.size(c), 4)
	return whole(b, `,"depth_usd":`, 50_000+f.rng.Uint64N(4_000_000))
}

func (f *Feed) analytics(b []byte, c *coin) []byte {
	b = number(b, `,"volume_24h":`, c.volume, 2)
	b = number(b, `,"change_24h":`, 100*(c.price/c.open-1), 2)
	b = number(b, `,"high_24h":`, c.high, c.decimals)
	b = number(b, `,"low_24h":`, c.low, c.decimals)
	return whole(b, `,"trades_24h":`, c.trades)
}

func (f *Feed) balances(b []byte, c *coin) []byte {
	b = f.account(b, `,"account":"`)
	b = number(b, `,"delta":`, f.size(c)*float64(1-2*int(f.rng.Uint64()&1)), 4)
	return number(b, `,"balance":`, 10*f.size(c), 4)
}

func (f *Feed) social(b []byte, _ *coin) []byte {
	sources := [...]string{"x", "telegram", "discord", "reddit"}
	b = append(b, `,"source":"`...)
	b = append(b, sources[f.rng.Uint64N(uint64(len(sources)))]...)
	b = whole(b, `","mentions":`, 1+f.rng.Uint64N(400))
	return number(b, `,"sentiment":`, max(-1, min(1, 0.1+0.4*f.rng.NormFloat64())), 2)
}

func (f *Feed) favorites(b []byte, c *coin) []byte {
	if f.rng.Uint64N(4) > 0 {
		c.favorites++
		b = append(b, `,"delta":1`...)
	} else {
		c.favorites--
		b = append(b, `,"delta":-1`...)
	}
	return whole(b, `,"count":`, c.favorites)
}

func (f *Feed) metadata(b []byte, c *coin) []byte {
	c.holders += f.rng.Uint64N(20)
	b = append(b, `,"name":"`...)
	b = append(b, c.name...)
	b = append(b, ` Coin","decimals":8`...)
	b = whole(b, `,"holders":`, c.holders)
	return whole(b, `,"supply":`, 21_000_000)
}

func (f *Feed) creation(b []byte, c *coin) []byte {
	b = f.account(b, `,"creator":"`)
	b = append(b, `,"pair":"`...)
	b = append(b, c.name...)
	b = append(b, `-USD"`...)
	return number(b, `,"price":`, c.price, c.decimals)
}

// account writes an address of twelve hexadecimal digits, and the closing quote.
func (f *Feed) account(b []byte, field string) []byte {
	b = append(append(b, field...), "0x"...)
	for x, i := f.rng.Uint64(), 0; i < 12; i++ {
		b = append(b, "0123456789abcdef"[x&15])
		x >>= 4
	}
	return append(b, '"')
}

func number(b []byte, field string, v float64, decimals int) []byte {
	return strconv.AppendFloat(append(b, field...), v, 'f', decimals, 64)
}

func whole(b []byte, field string, v uint64) []byte {
	return appendUint(append(b, field...), v)
}

func appendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }
