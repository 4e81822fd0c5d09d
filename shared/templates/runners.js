// For each trust: the queue of its jobs, and the role of its runners, which reaches nothing of another
// trust. Wants `custom.prefix`, a table `Table` and a log group `JobLogs` beside it.
const TRUSTS = ["release", "check", "fork"];

const sub = (text) => ({ "Fn::Sub": text });
const arnOf = (logicalId) => ({ "Fn::GetAtt": [logicalId, "Arn"] });
const allow = (actions, resources, more = {}) => ({
  Effect: "Allow",
  Action: actions,
  Resource: resources,
  ...more,
});
const onItems = (...keys) => ({
  Condition: { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys } },
});

// The secrets that jobs of this trust may name, by the trust that a secret is set for. Jobs of trust
// `fork` get none.
const secrets = (stage, trust) => {
  const readable = { release: ["release", "check"], check: ["check"], fork: [] }[trust];
  const names = `secret:penstock/${stage}/secrets/*`;
  const arn = `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:${names}`;
  const tagged = { Condition: { StringEquals: { "aws:ResourceTag/penstock:trust": readable } } };
  return readable.length ? [allow("secretsmanager:GetSecretValue", sub(arn), tagged)] : [];
};

// The permissions of a runner. Its jobs get none of them.
const permissions = (prefix, stage, trust, jobs) => {
  const place = "${AWS::Region}:${AWS::AccountId}";
  const logs = `arn:\${AWS::Partition}:logs:${place}:log-group:/penstock/${stage}/jobs`;
  const bucket = `arn:\${AWS::Partition}:s3:::${prefix}-artifacts-\${AWS::AccountId}`;
  const objects = (...kinds) => kinds.map((kind) => sub(`${bucket}/${kind}/${trust}/*`));
  const topic = `arn:\${AWS::Partition}:sns:${place}:${prefix}-job-finished`;
  return [
    allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"], arnOf(jobs)),
    allow("sqs:SendMessage", arnOf(`${jobs}DeadLetters`)),
    allow(["dynamodb:GetItem", "dynamodb:PutItem"], arnOf("Table"), onItems(`job#${trust}#*`)),
    // The marks of stopped flows.
    allow("dynamodb:GetItem", arnOf("Table"), onItems("stop#*")),
    // What it says of a job of which it has no proof is not believed.
    allow("sns:Publish", sub(topic)),
    // The group's own ARN ends in `:*`; the right is also asked for without it.
    allow("logs:CreateLogStream", [sub(logs), arnOf("JobLogs")]),
    allow("logs:PutLogEvents", sub(`${logs}:log-stream:${trust}/*`)),
    // It presigns addresses for the sources, inputs and outputs of its jobs. Only deployments, which
    // are of trust `release`, have artifacts as inputs.
    allow("s3:GetObject", objects("snapshots", ...(trust === "release" ? ["artifacts"] : []))),
    allow("s3:PutObject", objects("artifacts", "reports")),
    ...secrets(stage, trust),
  ];
};

const role = (prefix, stage, trust, jobs) => ({
  Type: "AWS::IAM::Role",
  Properties: {
    RoleName: `penstock-runner-${stage}-${trust}`,
    Description: `What the runners of trust ${trust} may do.`,
    AssumeRolePolicyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: {
            Service: ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"],
            // Whoever in this account may assume it by a policy of their own.
            AWS: sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"),
          },
          Action: "sts:AssumeRole",
        },
      ],
    },
    Policies: [
      {
        PolicyName: "runner",
        PolicyDocument: { Version: "2012-10-17", Statement: permissions(prefix, stage, trust, jobs) },
      },
    ],
  },
});

const queue = (name, more = {}) => ({
  Type: "AWS::SQS::Queue",
  Properties: {
    QueueName: name,
    SqsManagedSseEnabled: true,
    MessageRetentionPeriod: 1209600,
    ...more,
  },
});

const alarm = (prefix, name, deadLetters) => ({
  Type: "AWS::CloudWatch::Alarm",
  Properties: {
    AlarmName: `${name}-dead-letters`,
    AlarmDescription:
      "A job was given up. Redrive its message in the SQS console when the cause is mended.",
    Namespace: "AWS/SQS",
    MetricName: "ApproximateNumberOfMessagesVisible",
    Dimensions: [{ Name: "QueueName", Value: { "Fn::GetAtt": [deadLetters, "QueueName"] } }],
    Statistic: "Maximum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 0,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "notBreaching",
    AlarmActions: [
      sub(`arn:\${AWS::Partition}:sns:\${AWS::Region}:\${AWS::AccountId}:${prefix}-ops-alarms`),
    ],
  },
});

const encryptedOnly = (...queues) => ({
  Type: "AWS::SQS::QueuePolicy",
  Properties: {
    Queues: queues.map((logicalId) => ({ Ref: logicalId })),
    PolicyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "EncryptedConnectionsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "sqs:*",
          Resource: queues.map(arnOf),
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    },
  },
});

const resourcesOf = (prefix, stage, trust) => {
  const title = trust[0].toUpperCase() + trust.slice(1);
  const [jobs, name] = [`${title}Jobs`, `${prefix}-jobs-${trust}`];
  return {
    [jobs]: queue(name, {
      VisibilityTimeout: 60, // a runner requests the length of its lease instead, and extends it
      // Runners give up a job themselves, after three deaths or five failed tries. The other deliveries
      // are for runners that shut down, duplicate messages of a running job, and outages of AWS.
      RedrivePolicy: { deadLetterTargetArn: arnOf(`${jobs}DeadLetters`), maxReceiveCount: 100 },
    }),
    [`${jobs}DeadLetters`]: queue(`${name}-dlq`),
    [`${jobs}Policy`]: encryptedOnly(jobs, `${jobs}DeadLetters`),
    [`${jobs}DeadLetterAlarm`]: alarm(prefix, name, `${jobs}DeadLetters`),
    [`${title}RunnerRole`]: role(prefix, stage, trust, jobs),
    [`${title}RunnerProfile`]: {
      Type: "AWS::IAM::InstanceProfile",
      Properties: {
        InstanceProfileName: `penstock-runner-${stage}-${trust}`,
        Roles: [{ Ref: `${title}RunnerRole` }],
      },
    },
  };
};

module.exports = async ({ resolveVariable }) => {
  const prefix = await resolveVariable("self:custom.prefix");
  const stage = await resolveVariable("sls:stage");
  const made = TRUSTS.map((trust) => resourcesOf(prefix, stage, trust));
  return { Resources: Object.assign({}, ...made) };
};
