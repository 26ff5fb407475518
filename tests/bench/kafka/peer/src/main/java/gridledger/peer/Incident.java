package gridledger.peer;

import gridledger.v1.FactOuterClass.Fact;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Where one incident stands, and what one fact does to it: the rules of services/domain/incident, abridged. */
final class Incident {
  static final byte NONE = 0;
  static final byte REPORTED = 1;
  static final byte ACCEPTED = 2;
  static final byte VERIFIED = 3;
  static final byte FILED = 4;
  static final byte DISPATCHED = 5;
  static final byte ACKNOWLEDGED = 6;
  static final byte HANDLING = 7;
  static final byte HANDLED = 8;
  static final byte CHECKED = 9;
  static final byte CLOSED = 10;
  static final byte REFUSED = 11;
  static final byte VOIDED = 12;
  static final byte MERGED = 13;

  private static final int UNFILED = in(REPORTED, ACCEPTED, VERIFIED);
  private static final int WITH_UNIT = in(DISPATCHED, ACKNOWLEDGED, HANDLING);
  private static final int CASE = WITH_UNIT | in(FILED, HANDLED, CHECKED);

  int stage;
  byte phase;
  byte level;
  byte stars;
  boolean paused;
  long reportedAt;
  long filedAt;
  long dispatchedAt;
  long handledAt;
  long closedAt;
  long dueAt;
  String category = "";
  String community = "";
  String area = "";
  String unit = "";
  String member = "";

  private static int in(byte... phases) {
    int bits = 0;
    for (final byte one : phases) {
      bits |= 1 << one;
    }
    return bits;
  }

  /** False when the fact is void: of another stage, or not possible in this phase. */
  boolean apply(Fact fact, long at) {
    if (fact.getStage() != stage) {
      return false;
    }
    switch (fact.getKindCase()) {
      case REPORTED:
        if (!move(in(NONE), REPORTED)) {
          return false;
        }
        category = fact.getReported().getCategory();
        community = fact.getReported().getCommunity();
        area = fact.getReported().getArea();
        unit = fact.getReported().getUnit();
        dueAt = fact.getReported().getDueAtMs();
        reportedAt = at;
        return true;
      case ACCEPTED:
        return move(in(REPORTED), ACCEPTED);
      case REFUSED:
        return move(UNFILED, REFUSED);
      case VERIFIED:
        return move(in(REPORTED, ACCEPTED), VERIFIED);
      case FILED:
        filedAt = at;
        return move(UNFILED, FILED);
      case DISPATCHED:
        if (!move(WITH_UNIT | in(FILED), DISPATCHED)) {
          return false;
        }
        unit = fact.getDispatched().getUnit();
        member = fact.getDispatched().getMember();
        dispatchedAt = at;
        return true;
      case DISPATCH_ACCEPTED:
        return move(in(DISPATCHED), ACKNOWLEDGED);
      case DISPATCH_DECLINED:
      case DISPATCH_RETURNED:
        member = "";
        return move(in(DISPATCHED, ACKNOWLEDGED), FILED);
      case HANDLING_STARTED:
        return move(in(DISPATCHED, ACKNOWLEDGED), HANDLING);
      case HANDLING_PAUSED:
        paused = true;
        return move(CASE, phase);
      case HANDLING_RESUMED:
        paused = false;
        return move(CASE, phase);
      case DEADLINE_EXTENDED:
        dueAt = fact.getDeadlineExtended().getDueAtMs();
        return move(CASE, phase);
      case HANDLING_FINISHED:
        handledAt = at;
        return move(WITH_UNIT, HANDLED);
      case CHECK_PASSED:
        return move(in(HANDLED), CHECKED);
      case CHECK_FAILED:
        return move(in(HANDLED), DISPATCHED);
      case CLOSED:
        closedAt = at;
        return move(CASE, CLOSED);
      case VOIDED:
        return move(CASE | UNFILED, VOIDED);
      case REOPENED:
        return move(in(CLOSED), FILED);
      case MERGED:
        return move(CASE | UNFILED, MERGED);
      case RATED:
        stars = (byte) fact.getRated().getStars();
        return phase == CLOSED;
      case DEADLINE_WARNED:
      case DEADLINE_MISSED:
        return (CASE & 1 << phase) != 0;
      case ESCALATION_RAISED:
        level = (byte) fact.getEscalationRaised().getLevel();
        return (CASE & 1 << phase) != 0;
      default:
        return false;
    }
  }

  private boolean move(int from, byte to) {
    if ((from & 1 << phase) == 0) {
      return false;
    }
    phase = to;
    ++stage;
    return true;
  }

  byte[] bytes() {
    final String[] texts = {category, community, area, unit, member};
    final byte[][] encoded = new byte[texts.length][];
    int size = 4 + 4 + 6 * 8;
    for (int i = 0; i < texts.length; ++i) {
      encoded[i] = texts[i].getBytes(StandardCharsets.UTF_8);
      size += 2 + encoded[i].length;
    }
    final ByteBuffer out = ByteBuffer.allocate(size);
    out.putInt(stage).put(phase).put(level).put(stars).put((byte) (paused ? 1 : 0));
    out.putLong(reportedAt).putLong(filedAt).putLong(dispatchedAt).putLong(handledAt).putLong(closedAt);
    out.putLong(dueAt);
    for (final byte[] one : encoded) {
      out.putShort((short) one.length).put(one);
    }
    return out.array();
  }

  static Incident of(byte[] bytes) {
    final Incident made = new Incident();
    if (bytes == null) {
      return made;
    }
    final ByteBuffer in = ByteBuffer.wrap(bytes);
    made.stage = in.getInt();
    made.phase = in.get();
    made.level = in.get();
    made.stars = in.get();
    made.paused = in.get() != 0;
    made.reportedAt = in.getLong();
    made.filedAt = in.getLong();
    made.dispatchedAt = in.getLong();
    made.handledAt = in.getLong();
    made.closedAt = in.getLong();
    made.dueAt = in.getLong();
    made.category = text(in);
    made.community = text(in);
    made.area = text(in);
    made.unit = text(in);
    made.member = text(in);
    return made;
  }

  private static String text(ByteBuffer in) {
    final int size = in.getShort();
    final String made = new String(in.array(), in.position(), size, StandardCharsets.UTF_8);
    in.position(in.position() + size);
    return made;
  }
}
