package outbox

import (
	"crypto/sha256"
	"fmt"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// retryKey returns the UUID by which LINE knows a call again. It is made from
// the call's identity, so that a process that knows nothing of earlier tries
// uses the same one. The way of making it must never change: a new version
// could send twice what the old one had under way.
func retryKey(id engine.CallID) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "frontdesk retry key\x00%s\x00%d\x00%d", id.Entry, id.Send, id.Call))
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80 // version 8: custom
	u[8] = u[8]&0x3f | 0x80 // RFC 9562 variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
