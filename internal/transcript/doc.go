// Package transcript keeps, as rooms of the chat, what is said in each LINE
// conversation: line.<channel>.<conversation>, both ways, for operators.
//
// # How it is written
//
// The service follows the inbox and the outbox as logs, in the order of their
// times. An event of the inbox becomes a message of its user, or a small one that
// tells of a tap, a follow, a join. What is sent becomes messages of the bot when
// LINE has accepted it: the service remembers the entries that are not sent yet by
// their places in the log. A message that its user takes back is erased. Campaigns
// and broadcasts are left out: they would write into every room at once. So are
// the rooms of the chat itself.
//
// Nothing waits for it. It holds to a rate, and to a tenth of it while more comes in,
// so that a burst of webhooks is answered first and written down later. On a quiet
// day it lets a moment's records come together: they share a flush.
//
// # Once
//
// Messages are named by their events and by the places in their entries. A few
// times a second a checkpoint tells how far the logs are written, and where the
// rooms ended then. A start reads what stands in the rooms behind it, and leaves
// that out when it goes on. When the store fails, the service begins at its last
// checkpoint in the same way.
//
// # When it lags
//
// The logs keep what is not written yet beyond the time that they keep anything,
// as long as they have room. What had to make room for new records is missing in
// the rooms; the log and a metric tell so.
//
// # What it stores
//
// Messages through [Rooms], and checkpoint.transcripts in the control bucket. In
// memory it has about 200 bytes of each entry that is not sent, as long as that
// waits.
//
// # Goroutines
//
// Run owns all of them: two read the logs, one writes.
package transcript
