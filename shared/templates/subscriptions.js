// The subscriptions of a stack's queue, made from `custom.consumes`: topics by their short names, each
// with the filter on its messages' attributes. What people publish by hand has no attributes: such a
// topic has the filter {}, and is delivered in SNS's own envelope, which tells the topic.
// Wants `custom.prefix`, and consumer.yml beside it.
const camel = (topic) => topic.replace(/(^|-)([a-z])/g, (_, _dash, letter) => letter.toUpperCase());

const subscription = (prefix, topic, filter) => ({
  Type: "AWS::SNS::Subscription",
  Properties: {
    TopicArn: {
      "Fn::Sub": `arn:\${AWS::Partition}:sns:\${AWS::Region}:\${AWS::AccountId}:${prefix}-${topic}`,
    },
    Protocol: "sqs",
    Endpoint: { "Fn::GetAtt": ["Queue", "Arn"] },
    ...(Object.keys(filter).length ? { RawMessageDelivery: true, FilterPolicy: filter } : {}),
    RedrivePolicy: { deadLetterTargetArn: { "Fn::GetAtt": ["DeadLetters", "Arn"] } },
  },
});

module.exports = async ({ resolveVariable }) => {
  const consumes = await resolveVariable("self:custom.consumes");
  const prefix = await resolveVariable("self:custom.prefix");
  const named = Object.entries(consumes).map(([topic, filter]) => [
    `${camel(topic)}Subscription`,
    subscription(prefix, topic, filter),
  ]);
  return { Resources: Object.fromEntries(named) };
};
