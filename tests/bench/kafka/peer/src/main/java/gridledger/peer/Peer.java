package gridledger.peer;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * The same work on Kafka Streams: folds a ledger's incidents in a RocksDB store and sends decisions.
 *
 * <p>Peer --bootstrap HOST:PORT --topic LEDGER --output TOPIC --app NAME --state FOLDER [--partitions N]
 *     [--decide change|filed] [--records N] [--set NAME=VALUE]...
 *
 * <p>With --records it ends after that many and prints one line of JSON; otherwise on a signal.
 */
public final class Peer {
  static final String STORE = "incidents";

  /** What has been done so far, by all threads. */
  static final class Progress {
    final long wanted;
    final AtomicLong records = new AtomicLong();
    final AtomicLong decisions = new AtomicLong();
    final AtomicLong refused = new AtomicLong();
    final CountDownLatch done = new CountDownLatch(1);
    volatile long begun;
    volatile long half;
    volatile long ended;

    Progress(long wanted) {
      this.wanted = wanted;
    }

    void count() {
      final long now = records.incrementAndGet();
      if (now == 1) {
        begun = System.nanoTime();
      } else if (now == wanted / 2) {
        half = System.nanoTime();
      } else if (now == wanted) {
        ended = System.nanoTime();
        done.countDown();
      }
    }

    String line(double closing) {
      final double all = (ended - begun) / 1e9;
      final double later = (ended - half) / 1e9;
      return String.format(
          Locale.ROOT,
          "{\"records\": %d, \"decisions\": %d, \"void\": %d, \"seconds\": %.3f, \"rate\": %.0f,"
              + " \"second_half\": %.0f, \"closing\": %.3f}",
          records.get(), decisions.get(), refused.get(), all, records.get() / all,
          (wanted - wanted / 2) / later, closing);
    }
  }

  public static void main(String[] words) throws Exception {
    final Map<String, String> options = new HashMap<>();
    final Properties settings = new Properties();
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put("auto.offset.reset", "earliest");
    for (int i = 0; i + 1 < words.length; i += 2) {
      if (words[i].equals("--set")) {
        final String[] pair = words[i + 1].split("=", 2);
        settings.put(pair[0], pair[1]);
      } else {
        options.put(words[i], words[i + 1]);
      }
    }
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("--bootstrap"));
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.get("--app"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.get("--state"));
    final String output = options.get("--output");
    make(settings, output, Integer.parseInt(options.getOrDefault("--partitions", "9")));

    final Progress progress = new Progress(Long.parseLong(options.getOrDefault("--records", "-1")));
    final boolean everyChange = !options.getOrDefault("--decide", "change").equals("filed");
    final Topology topology = new Topology();
    topology
        .addSource("ledger", new ByteArrayDeserializer(), new ByteArrayDeserializer(), options.get("--topic"))
        .addProcessor("fold", () -> new Fold(progress, everyChange), "ledger")
        .addStateStore(
            Stores.keyValueStoreBuilder(
                    Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
                .withCachingEnabled(),
            "fold")
        .addSink("decisions", output, new ByteArraySerializer(), new ByteArraySerializer(), "fold");

    final KafkaStreams streams = new KafkaStreams(topology, settings);
    streams.setStateListener((now, before) -> System.err.println("state " + now));
    if (progress.wanted < 0) {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
      streams.start();
      return;
    }
    streams.start();
    progress.done.await();
    final long closing = System.nanoTime();
    streams.close(Duration.ofSeconds(60));
    System.out.println(progress.line((System.nanoTime() - closing) / 1e9));
  }

  private static void make(Properties settings, String topic, int partitions) throws Exception {
    final Properties admin = new Properties();
    admin.put("bootstrap.servers", settings.get(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG));
    try (Admin made = Admin.create(admin)) {
      made.createTopics(List.of(new NewTopic(topic, partitions, (short) -1))).all().get();
    } catch (ExecutionException failed) {
      if (!(failed.getCause() instanceof TopicExistsException)) {
        throw failed;
      }
    }
  }
}
