package gridledger.peer;

import com.google.protobuf.InvalidProtocolBufferException;
import gridledger.v1.EntryOuterClass.Decision;
import gridledger.v1.EntryOuterClass.Entry;
import gridledger.v1.FactOuterClass.Actor;
import gridledger.v1.FactOuterClass.DispatchReason;
import gridledger.v1.FactOuterClass.Fact;
import gridledger.v1.FactOuterClass.IncidentDispatched;
import gridledger.v1.FactOuterClass.Role;
import gridledger.v1.PolicyOuterClass.Policy;
import gridledger.v1.PolicyOuterClass.Responsibility;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * One partition's fold. Less is asked of it than of gridledger-dispatch: no rosters, no loads, no
 * parked facts, no settled causes, no digest; the unit is the responsibility list's, the member nobody.
 */
final class Fold implements Processor<byte[], byte[], byte[], byte[]> {
  private static final String POLICY = " policy";
  private static final byte[] TYPE = "gridledger.v1.Decision".getBytes(StandardCharsets.UTF_8);
  private static final byte[] SOURCE = "/peer/dispatch".getBytes(StandardCharsets.UTF_8);
  private static final byte[] VERSION = "1.0".getBytes(StandardCharsets.UTF_8);
  private static final byte[] KIND = "application/protobuf".getBytes(StandardCharsets.UTF_8);

  private final Peer.Progress progress;
  private final boolean everyChange;
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<String, byte[]> store;
  private Map<String, String> units;
  private String defaultUnit = "";
  private String policyVersion = "";

  Fold(Peer.Progress progress, boolean everyChange) {
    this.progress = progress;
    this.everyChange = everyChange;
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> given) {
    context = given;
    store = given.getStateStore(Peer.STORE);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    try {
      final Entry entry = Entry.parseFrom(record.value());
      switch (entry.getContentCase()) {
        case FACT:
          fold(entry.getFact(), record);
          break;
        case DECISION:
          for (final Fact fact : entry.getDecision().getFactsList()) {
            fold(fact, record);
          }
          break;
        case POLICY_ACTIVATED:
          store.put(POLICY, entry.getPolicyActivated().getPolicy().toByteArray());
          units = null;
          break;
        default:
          break;
      }
    } catch (InvalidProtocolBufferException unreadable) {
      progress.refused.incrementAndGet();
    }
    progress.count();
  }

  private void fold(Fact fact, Record<byte[], byte[]> cause) throws InvalidProtocolBufferException {
    final Incident incident = Incident.of(store.get(fact.getIncidentId()));
    if (!incident.apply(fact, cause.timestamp())) {
      progress.refused.incrementAndGet();
      return;
    }
    store.put(fact.getIncidentId(), incident.bytes());
    if (everyChange || fact.getKindCase() == Fact.KindCase.FILED) {
      decide(fact, incident, cause);
    }
  }

  private void decide(Fact fact, Incident incident, Record<byte[], byte[]> cause)
      throws InvalidProtocolBufferException {
    if (units == null) {
      readPolicy();
    }
    final long offset = context.recordMetadata().map(one -> one.offset()).orElse(-1L);
    final int partition = context.recordMetadata().map(one -> one.partition()).orElse(-1);
    final Entry entry =
        Entry.newBuilder()
            .setSchema(1)
            .setDecision(
                Decision.newBuilder()
                    .setService("dispatch")
                    .setCause(offset)
                    .setPolicyVersion(policyVersion)
                    .setRule("dispatch: responsible unit, least loaded on duty")
                    .addFacts(
                        Fact.newBuilder()
                            .setIncidentId(fact.getIncidentId())
                            .setStage(incident.stage)
                            .setHappenedAtMs(cause.timestamp())
                            .setActor(Actor.newBuilder().setRole(Role.ROLE_SERVICE).setCode("dispatch"))
                            .setDispatched(
                                IncidentDispatched.newBuilder()
                                    .setUnit(units.getOrDefault(incident.category, defaultUnit))
                                    .setReason(
                                        DispatchReason.DISPATCH_REASON_RESPONSIBILITY_LIST))))
            .build();
    final Headers headers = new RecordHeaders();
    headers.add("ce_specversion", VERSION);
    headers.add("content-type", KIND);
    headers.add("ce_type", TYPE);
    headers.add("ce_source", SOURCE);
    headers.add("ce_id", (partition + "." + offset).getBytes(StandardCharsets.UTF_8));
    context.forward(new Record<>(cause.key(), entry.toByteArray(), cause.timestamp(), headers));
    progress.decisions.incrementAndGet();
  }

  private void readPolicy() throws InvalidProtocolBufferException {
    units = new HashMap<>();
    final byte[] bytes = store.get(POLICY);
    if (bytes == null) {
      return;
    }
    final Policy policy = Policy.parseFrom(bytes);
    for (final Responsibility one : policy.getResponsibilitiesList()) {
      units.putIfAbsent(one.getCategory(), one.getUnit());
    }
    defaultUnit = policy.getDefaultUnit();
    policyVersion = policy.getVersion();
  }
}
