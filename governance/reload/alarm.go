package reload

import (
	"fmt"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// Reason says what an alarm is about.
type Reason string

// The reasons. All but StoreAway and DiskDamaged concern one document, whose last good version stays.
const (
	StoreAway     Reason = "store away"       // what runs cannot be confirmed
	Invalid       Reason = "invalid version"  // the active version is missing, damaged, or cannot be built
	Vanished      Reason = "pointer vanished" // a document that runs is no longer in the store
	SetBack       Reason = "store set back"   // the pointer is older than one that was adopted
	Unannounced   Reason = "plain placement"  // the active version moves rows, but no barrier brought it
	DiskDamaged   Reason = "disk damaged"     // the last good file cannot be used
	DiskUnwritten Reason = "disk unwritten"   // the last good file cannot be written
)

// Alarm is what an operator should know.
type Alarm struct {
	Document layout.Document // without a Name: the kind as a whole
	Version  int64           // that was not adopted, or 0
	Reason   Reason
	Err      error
}

// String is one line of a log.
func (a Alarm) String() string {
	if a.Document.Name == "" {
		return fmt.Sprintf("%s: %s: %v", a.Document.Kind, a.Reason, a.Err)
	}
	return fmt.Sprintf("%s: %s: %v", a.Document, a.Reason, a.Err)
}
