package route

import "strings"

// Colour is what a route makes of calls that have none.
type Colour struct {
	Name    string   `yaml:"name"`
	Percent *float64 `yaml:"percent"` // of the calls, by chance; nil: 100
}

// colourSet are the characters of colours, and mostColour how long one may be, so that each protocol can tell it.
const (
	mostColour = 64
	colourSet  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
)

// IsColour says whether a text is the name of a colour.
func IsColour(text string) bool {
	return text != "" && len(text) <= mostColour && strings.Trim(text, colourSet) == ""
}

// Dyed says by chance whether a call without a colour gets the route's.
func (r *Route) Dyed() bool { return r.Colour != nil && falls(r.Colour.Percent) }

func (c *checker) colour(at string, r *Rule) {
	if r.Colour == nil {
		return
	}
	at += ".colour"
	if r.To == nil {
		c.problem(at, "colours are of calls to a cluster")
	}
	if name := r.Colour.Name; !IsColour(name) {
		c.problem(at+".name", "the name of a colour has 1 to %d letters, figures, - _ and ., not %q", mostColour, name)
	}
	c.share(at, r.Colour.Percent)
}
