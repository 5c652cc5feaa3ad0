package linesim

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
	"github.com/tidwall/gjson"
)

// maxCoupons bounds how many coupons there can be; further ones are refused. LINE does not publish a limit.
const maxCoupons = 1000

// coupon is a coupon as the API shows it.
type coupon struct {
	Acquisition json.RawMessage `json:"acquisitionCondition"`
	Barcode     string          `json:"barcodeImageUrl,omitempty"`
	Code        string          `json:"couponCode,omitempty"`
	Description string          `json:"description,omitempty"`
	End         int64           `json:"endTimestamp"`
	Image       string          `json:"imageUrl,omitempty"`
	MaxUse      int             `json:"maxUseCountPerTicket"`
	MaxTickets  int             `json:"maxTicketPerUser"`
	Start       int64           `json:"startTimestamp"`
	Title       string          `json:"title"`
	Condition   string          `json:"usageCondition,omitempty"`
	Reward      json.RawMessage `json:"reward,omitempty"`
	Visibility  string          `json:"visibility"`
	Timezone    string          `json:"timezone"`
	ID          string          `json:"couponId"`
	Created     int64           `json:"createdTimestamp"`
	Status      string          `json:"status"`
}

const (
	couponRunning = "RUNNING"
	couponClosed  = "CLOSED"
)

// coupons holds the coupons in the order they were made; Simulator.mu guards it.
type coupons struct{ all []*coupon }

func newCoupons() coupons { return coupons{} }

// couponRule is the rule of a new coupon (messaging-api.yml, CouponCreateRequest).
func couponRule() rule.Rule {
	return rule.Object(
		rule.Must("acquisitionCondition", rule.ByType(map[string]rule.Rule{
			"normal":  rule.Object(),
			"lottery": rule.Object(rule.Must("lotteryProbability", rule.Integer(1, 99)), rule.Must("maxAcquireCount", rule.Integer(-1, 999_999))),
		})),
		rule.Must("endTimestamp", rule.Integer(0, math.MaxInt64)), rule.Must("startTimestamp", rule.Integer(0, math.MaxInt64)),
		rule.Must("maxUseCountPerTicket", rule.Integer(0, 1)), rule.Must("title", rule.Units(60)), rule.May("description", rule.Units(1000)),
		rule.May("usageCondition", rule.Units(100)), rule.May("barcodeImageUrl", rule.MediaURL), rule.May("imageUrl", rule.MediaURL),
		rule.May("reward", rule.ByType(map[string]rule.Rule{
			"cashBack": rule.Object(), "discount": rule.Object(), "free": rule.Object(), "gift": rule.Object(), "others": rule.Object(),
		})),
		rule.Must("visibility", rule.OneOf("UNLISTED", "PUBLIC")), rule.Must("timezone", nil),
	)
}

// createCoupon answers POST /v2/bot/coupon.
func (s *Simulator) createCoupon(c *call) (answer, error) {
	made := &coupon{}
	if err := c.decode(made); err != nil {
		return answer{}, err
	}
	var r rule.Report
	couponRule()(&r, gjson.ParseBytes(c.body))
	if r.Details == nil && made.End <= made.Start {
		r.Details = []rule.Detail{{Message: "Must be after startTimestamp", Property: "endTimestamp"}}
	}
	if r.Details != nil {
		return answer{}, rule.InBody(r.Details)
	}
	now := time.Now()
	made.ID, made.Created, made.Status, made.MaxTickets = newULID(now), now.UnixMilli(), couponRunning, 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.coupons.all) >= maxCoupons {
		return answer{}, rule.Refuse(http.StatusBadRequest, "The number of coupons has reached its limit")
	}
	s.coupons.all = append(s.coupons.all, made)
	return success(map[string]string{"couponId": made.ID})
}

// couponLocked finds the coupon in the path of a call.
func (s *Simulator) couponLocked(c *call) (*coupon, error) {
	id := c.r.PathValue("couponId")
	for _, k := range s.coupons.all {
		if k.ID == id {
			return k, nil
		}
	}
	return nil, notFound()
}

// getCoupon answers GET /v2/bot/coupon/{couponId}.
func (s *Simulator) getCoupon(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.couponLocked(c)
	if err != nil {
		return answer{}, err
	}
	return success(*k)
}

// closeCoupon answers PUT /v2/bot/coupon/{couponId}/close.
func (s *Simulator) closeCoupon(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.couponLocked(c)
	if err != nil {
		return answer{}, err
	}
	if k.Status == couponClosed {
		return answer{}, rule.Refuse(http.StatusGone, "The coupon is closed")
	}
	k.Status = couponClosed
	return success(empty{})
}

// listCoupons answers GET /v2/bot/coupon, newest first.
func (s *Simulator) listCoupons(c *call) (answer, error) {
	limit, err := pageLimit(c, 20, 100)
	if err != nil {
		return answer{}, err
	}
	start, err := pageStart(c)
	if err != nil {
		return answer{}, err
	}
	wanted := c.r.URL.Query()["status"]
	type item struct {
		ID    string `json:"couponId"`
		Title string `json:"title"`
	}
	page := struct {
		Items []item `json:"items"`
		Next  string `json:"next,omitempty"`
	}{Items: []item{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := start; i < len(s.coupons.all); i++ {
		k := s.coupons.all[len(s.coupons.all)-1-i]
		if len(wanted) > 0 && !slices.Contains(wanted, k.Status) {
			continue
		}
		if len(page.Items) == limit {
			page.Next = strconv.Itoa(i)
			break
		}
		page.Items = append(page.Items, item{k.ID, k.Title})
	}
	return success(page)
}
