package webhook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkServe takes in signed webhooks of one text message on a real store,
// without a network: from the request to the answer after the flush.
func BenchmarkServe(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d at once", writers), func(b *testing.B) {
			d := newDesk(b)
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(writers) // times GOMAXPROCS
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := n.Add(1)
					body := bodyOf(textEvent(fmt.Sprintf("01H810YECX%016d", id), fmt.Sprint("U", id%10_000), strings.Repeat("x", 100)))
					r := httptest.NewRequest(http.MethodPost, "/callback", strings.NewReader(body))
					r.Header.Set("X-Line-Signature", sign(mainSecret, body))
					w := httptest.NewRecorder()
					if d.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
						b.Errorf("got %d %s", w.Code, w.Body)
						return
					}
				}
			})
		})
	}
}
