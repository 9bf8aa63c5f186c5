package market

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// ErrOverflow says that an amount of money does not fit in 64 bits.
var ErrOverflow = errors.New("amount of money too large")

// ErrCurrencyMismatch says that amounts in two currencies were to be added.
var ErrCurrencyMismatch = errors.New("amounts are in different currencies")

// Currency is an ISO 4217 alphabetic code.
type Currency string

// EUR is the euro.
const EUR Currency = "EUR"

// minorDigits is the number of decimal digits of each currency's minor unit, from ISO 4217. It lists the currencies of
// Europe, where the markets are.
var minorDigits = map[Currency]int{
	EUR: 2, "GBP": 2, "CHF": 2, "SEK": 2, "NOK": 2, "DKK": 2, "ISK": 0, "PLN": 2, "CZK": 2, "HUF": 2, "RON": 2,
	"ALL": 2, "BAM": 2, "MDL": 2, "MKD": 2, "RSD": 2, "UAH": 2,
}

// Valid reports whether prices can be given in the currency.
func (c Currency) Valid() bool {
	_, ok := minorDigits[c]
	return ok
}

// Money is an amount in the minor unit of its currency: 1250 EUR is 12.50 euros. There are no fractions of it, so sums
// are exact.
type Money struct {
	Amount   int64    `json:"amount"`
	Currency Currency `json:"currency"`
}

// Add returns the sum. It fails with ErrCurrencyMismatch or ErrOverflow.
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, fmt.Errorf("add %s to %s: %w", other, m, ErrCurrencyMismatch)
	}
	sum := m.Amount + other.Amount
	// The sum of two numbers of one sign has that sign too, unless it has wrapped around.
	if (m.Amount >= 0) == (other.Amount >= 0) && (sum >= 0) != (m.Amount >= 0) {
		return Money{}, fmt.Errorf("add %s to %s: %w", other, m, ErrOverflow)
	}
	return Money{Amount: sum, Currency: m.Currency}, nil
}

// Mul returns the price of n times what m is the price of. It fails with ErrOverflow.
func (m Money) Mul(n int64) (Money, error) {
	negative := (m.Amount < 0) != (n < 0)
	high, low := bits.Mul64(magnitude(m.Amount), magnitude(n))
	limit := uint64(1) << 63 // the magnitude of the least int64; of the greatest it is one less
	if !negative {
		limit--
	}
	if high != 0 || low > limit {
		return Money{}, fmt.Errorf("multiply %s by %d: %w", m, n, ErrOverflow)
	}
	if negative {
		low = -low
	}
	return Money{Amount: int64(low), Currency: m.Currency}, nil //nolint:gosec // the limit above makes it fit
}

// String formats the amount with its decimal point, as in "12.50 EUR".
func (m Money) String() string {
	digits := minorDigits[m.Currency]
	text := fmt.Sprintf("%0*d", digits+1, magnitude(m.Amount))
	if digits > 0 {
		point := len(text) - digits
		text = text[:point] + "." + text[point:]
	}
	if m.Amount < 0 {
		text = "-" + text
	}
	return strings.TrimSpace(text + " " + string(m.Currency))
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement: right for the least int64 too
	}
	return uint64(n)
}
