// Package market is the domain of the farmers' market: farms, the products they sell, and the rules both obey. It knows
// neither HTTP nor SQL.
package market
